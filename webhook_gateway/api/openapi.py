"""The OpenAPI 3.1 document, built from the operations and the models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.target import Environment
from webhook_gateway.api import models
from webhook_gateway.api.operations import JOB, OPERATIONS, Operation, Parameter
from webhook_gateway.api.serializers import BASE
from webhook_gateway.http.errors import ERROR_CODES

ERROR_DESCRIPTIONS = {
    400: "A parameter or option is missing or cannot be used",
    401: "The API key is missing or not valid",
    403: "The API key is limited to other jobs, or is for the address of the other environment",
    404: "Not found",
    409: "The current state of the load, notification or key does not allow this",
    413: "The request body is too large",
    422: "The Idempotency-Key was already used for a different request",
    429: "Too many requests: try again after the seconds in Retry-After",
    503: "Service temporarily unavailable: try again after the seconds in Retry-After",
}
COMMON_ERROR_CODES = (401, 403, 429, 503)
REFERENCE = "#/components/schemas/{model}"

JOB_ID_PATTERN = "^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{16}$"
WEBHOOK_SCHEMA = {
    "type": "object",
    "required": ["filename"],
    "properties": {
        "apiKey": {
            "type": "string",
            "description": "Your API key; may also be sent as a Bearer token or in the URL.",
        },
        "filename": {
            "type": "string",
            "description": "The name of the file below the warehouse/ folder.",
            "examples": ["warehouse.csv"],
        },
        "notifyEmail": {
            "type": "string",
            "description": "One e-mail address, or several separated by commas.",
            "examples": ["you@example.edu"],
        },
        "notifyWebhook": {
            "type": "string",
            "description": "A public URL that accepts a POST with the outcome.",
            "examples": ["https://hooks.example.edu/alumniq"],
        },
        "dryRun": {
            "type": "boolean",
            "description": "Check the file and report whether a load of it would be published "
            "without approval, but publish nothing.",
        },
    },
}
RECEIPT_SCHEMA = {
    "type": "object",
    "required": ["jobId", "job", "filename", "notificationSettings"],
    "additionalProperties": False,
    "properties": {
        "jobId": {
            "type": "string",
            "pattern": JOB_ID_PATTERN,
        },
        "job": {"type": "string"},
        "filename": {"type": "string"},
        "notificationSettings": {
            "type": "object",
            "required": ["emails", "webhook"],
            "properties": {"emails": {"type": "string"}, "webhook": {"type": "string"}},
        },
    },
    "examples": [
        {
            "jobId": models.JOB_ID,
            "job": "warehouse",
            "filename": "warehouse.csv",
            "notificationSettings": {"emails": "you@example.edu", "webhook": ""},
        }
    ],
}


def document(public_urls: PublicUrls, environment: Environment | None = None) -> dict[str, Any]:
    """Build the document of the API: for one environment, or for each, with its server."""
    model_types: list[type[BaseModel]] = [models.Errors]
    model_types += [
        operation.response
        for operation in OPERATIONS
        if not isinstance(operation.response, str | tuple)
    ]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in dict.fromkeys(model_types)], ref_template=REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {f"{BASE}/index.cfm/webhook/{{job}}": {"post": _webhook()}}
    for operation in OPERATIONS:
        paths.setdefault(BASE + operation.path, {})[operation.method.lower()] = _operation(
            operation
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AlumnIQ data feeds",
            "version": "1",
            "description": "Load files from your bucket and follow the progress of each load.",
        },
        "servers": _servers(public_urls, environment),
        "security": [{"bearer": []}, {"apikey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "Your API key."},
                "apikey": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "apikey",
                    "description": "Your API key in the URL. Prefer the header: proxies log URLs.",
                },
            },
        },
    }


def _servers(public_urls: PublicUrls, environment: Environment | None) -> list[dict[str, str]]:
    if public_urls.is_shared:
        return [{"url": public_urls.production}]
    # A program made from the document uses the first.
    environments = (
        (Environment.PRODUCTION, Environment.QA) if environment is None else (environment,)
    )
    return [
        {"url": public_urls.of(environment), "description": f"for {environment} keys"}
        for environment in environments
    ]


def _operation(operation: Operation) -> dict[str, Any]:
    match operation.response:
        case str() | tuple() as response:
            media_types = (response,) if isinstance(response, str) else response
            content = {
                media_type: {
                    "schema": {"type": "object" if media_type == "application/json" else "string"}
                }
                for media_type in media_types
            }
        case model:
            reference = {"$ref": REFERENCE.format(model=model.__name__)}
            content = {"application/json": {"schema": reference}}
    return {
        "operationId": operation.handler_name,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {
            "200": {
                "description": "OK",
                "headers": {
                    "x-api-key-days-remaining": {
                        "description": "Whole days until the key expires.",
                        "schema": {"type": "integer", "minimum": 0},
                    }
                },
                "content": content,
            },
            **_error_responses(*COMMON_ERROR_CODES, *operation.error_codes),
        },
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described = {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.location == "path",
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }
    return described | ({"deprecated": True} if parameter.is_deprecated else {})


def _error_responses(*statuses: int) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model="Errors")}}}
    headers = {
        ERROR_CODES: {
            "description": "The codes of the problems, for programs; separated by commas.",
            "schema": {"type": "string"},
            "example": "wrong-host",
        }
    }
    return {
        str(status): {
            "description": ERROR_DESCRIPTIONS[status],
            "headers": headers,
            "content": content,
        }
        for status in sorted(statuses)
    }


def _webhook() -> dict[str, Any]:
    """Describe the webhook, whose request and response are the contract's and not models."""
    name = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A name of your choice for this request. Repeating the request with the "
        "same name returns the first response and starts no second load.",
        "schema": {"type": "string", "maxLength": 200, "pattern": "^[ -~]*$"},
    }
    forms = {
        media_type: {"schema": WEBHOOK_SCHEMA}
        for media_type in ("application/json", "multipart/form-data")
    }
    return {
        "operationId": "webhook",
        "summary": "Load a file",
        "parameters": [_parameter(JOB), name],
        "requestBody": {"required": True, "content": forms},
        "responses": {
            "200": {
                "description": "OK: the file was found and its load is queued",
                "content": {"application/json": {"schema": RECEIPT_SCHEMA}},
            },
            **_error_responses(*COMMON_ERROR_CODES, 400, 404, 413, 422),
        },
    }
