"""The OpenAPI document is correct: every request that it allows gets a response it describes."""

import re
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.catalog import Catalog
from tests.servers.gateway import NOW, Caller, Installation, call
from webhook_gateway.api.openapi import document
from webhook_gateway.app import create_app

DOCUMENT = document(PublicUrls.shared("http://testserver"))
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
EVERYTHING = settings(
    max_examples=15,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def unlimited(installation: Installation, catalog: Catalog, caller: Caller) -> Starlette:
    """Create a gateway without rate limits and with one load of the caller."""
    limits = {"calls_per_minute": 0, "address_calls_per_minute": 0}
    app = create_app(
        installation.settings.model_copy(update=limits),
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    assert call(TestClient(app), caller).status_code == 200
    return app


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_request_gets_a_response_that_the_document_describes(
    path: str, method: str, unlimited: Starlette, caller: Caller
) -> None:
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", unlimited)
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]

    def answers(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {caller.key}"})
        case.validate_response(response, checks=CHECKS)

    for mode in modes:
        strategy = schema[path][method].as_strategy(generation_mode=mode)
        EVERYTHING(given(case=strategy)(answers))()


def test_the_document_is_openapi_3_1(client: TestClient) -> None:
    described = client.get("/api/openapi.json").json()

    assert described["openapi"] == "3.1.0"
    assert described == DOCUMENT | {"servers": described["servers"]}
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_is_described_and_shown_by_example(client: TestClient) -> None:
    page = client.get("/api/").text
    for path, method in OPERATIONS:
        operation = DOCUMENT["paths"][path][method]
        assert f'id="{operation["operationId"]}"' in page
        assert operation["summary"]
        assert all(
            "example" in parameter or "schema" in parameter for parameter in operation["parameters"]
        )


def test_the_former_name_of_limit_is_marked_as_deprecated_and_not_offered(
    client: TestClient,
) -> None:
    parameters = DOCUMENT["paths"]["/api/v1/loads"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters if parameter.get("deprecated")] == [
        "most"
    ]
    assert 'name="most"' not in client.get("/api/").text


def test_every_form_of_the_reference_says_that_its_call_is_real_and_changes_nothing(
    client: TestClient,
) -> None:
    forms = re.findall(r"<form (.*?)</form>", client.get("/api/").text, re.DOTALL)
    assert len(forms) == 4
    for form in forms:
        assert form.startswith('method="get"')
        assert "The call is real" in form
        assert "changes nothing" in form
        assert "exchange" not in form


def test_the_reference_loads_nothing_and_runs_nothing(client: TestClient) -> None:
    response = client.get("/api/")

    assert response.status_code == 200
    assert (
        re.findall(r"<(?:script|link|img|iframe)|(?:src|href|action)=.https?:", response.text) == []
    )
    assert "script-src" not in response.headers["content-security-policy"]
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
