"""The OpenAPI 3.1 document, written from the operations and the models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from webhook_gateway.api import models
from webhook_gateway.api.operations import OPERATIONS, Operation, Parameter
from webhook_gateway.api.serializers import BASE

ERROR_DESCRIPTIONS = {
    400: "Something in the call cannot be used",
    401: "No valid API key",
    403: "The key does not open this job",
    404: "There is nothing of yours at this address",
    409: "The load or the notification is in a state that does not allow this",
    413: "The body is too large",
    422: "The Idempotency-Key was used for another request",
    429: "Too many requests: see Retry-After",
    503: "A part of ours is away: see Retry-After",
}
COMMON_ERROR_CODES = (401, 429, 503)
REFERENCE = "#/components/schemas/{model}"

JOB_ID = "^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{16}$"
WEBHOOK_SCHEMA = {
    "type": "object",
    "required": ["filename"],
    "properties": {
        "apiKey": {"type": "string", "description": "Or as Bearer token, or in the URL."},
        "filename": {
            "type": "string",
            "description": "The name below your warehouse/ folder.",
            "examples": ["warehouse.csv"],
        },
        "notifyEmail": {
            "type": "string",
            "description": "Addresses to write to, with commas between.",
            "examples": ["you@example.edu"],
        },
        "notifyWebhook": {
            "type": "string",
            "description": "A public URL that takes a POST.",
            "examples": ["https://hooks.example.edu/alumniq"],
        },
        "dryRun": {
            "type": "boolean",
            "description": "Judge the file and tell the outcome, but publish nothing.",
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
            "pattern": "^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{16}$",
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


def document(server: str) -> dict[str, Any]:
    """Describe the API as it stands at a server's address."""
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
            "description": "Ask for loads of delivered files, and see what became of them.",
        },
        "servers": [{"url": server}],
        "security": [{"bearer": []}, {"apikey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The API key."},
                "apikey": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "apikey",
                    "description": "The same in the URL; proxies write URLs into their logs.",
                },
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    description: dict[str, Any] = {
        "operationId": operation.handler_name,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {
            "200": _response(operation.response),
            **_error_responses(*COMMON_ERROR_CODES, *operation.error_codes),
        },
    }
    return description


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.location == "path",
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _response(response: type[BaseModel] | str | tuple[str, ...]) -> dict[str, Any]:
    match response:
        case str() | tuple():
            media_types = (response,) if isinstance(response, str) else response
            content = {
                media_type: {
                    "schema": {"type": "object" if media_type == "application/json" else "string"}
                }
                for media_type in media_types
            }
        case _:
            reference = {"$ref": REFERENCE.format(model=response.__name__)}
            content = {"application/json": {"schema": reference}}
    return {
        "description": "As asked",
        "headers": {
            "x-api-key-days-remaining": {
                "description": "Whole days until the key expires.",
                "schema": {"type": "integer", "minimum": 0},
            }
        },
        "content": content,
    }


def _error_responses(*statuses: int) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model="Errors")}}}
    return {
        str(status): {"description": ERROR_DESCRIPTIONS[status], "content": content}
        for status in sorted(statuses)
    }


def _webhook() -> dict[str, Any]:
    """Describe the webhook, whose shapes are the contract's and whose code is older than models."""
    job = Parameter("job", "A job's name.", {"type": "string"}, "warehouse", "path")
    name = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Your own name for the request: sent again, it gets the first answer.",
        "schema": {"type": "string", "maxLength": 200, "pattern": "^[ -~]*$"},
    }
    forms = {
        media_type: {"schema": WEBHOOK_SCHEMA}
        for media_type in ("application/json", "multipart/form-data")
    }
    return {
        "operationId": "webhook",
        "summary": "Ask for a delivered file to be loaded",
        "parameters": [_parameter(job), name],
        "requestBody": {"required": True, "content": forms},
        "responses": {
            "200": {
                "description": "The file was seen, and the load is queued",
                "content": {"application/json": {"schema": RECEIPT_SCHEMA}},
            },
            **_error_responses(*COMMON_ERROR_CODES, 400, 403, 404, 413, 422),
        },
    }
