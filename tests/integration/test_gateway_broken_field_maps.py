"""The gateway with a broken field map: only the job of that field map is affected."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.api_keys import KeyScope
from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap
from alumniq_pipelines.core.loads.load import LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.conditions import field_map_broken
from alumniq_pipelines.core.problems.setup import FieldMapsMissing
from alumniq_pipelines.settings import REPOSITORY
from tests.page_visits import sign_in, sign_in_as_staff
from tests.servers.gateway import Caller, Installation, call, errors
from webhook_gateway.app import open_app

BROKEN = "name: [unclosed\n"
OTHER = "/api/v1/index.cfm/webhook/warehouse-b"


@pytest.fixture
def installation(installation: Installation, tmp_path: Path) -> Installation:
    """Copy the field maps for this test."""
    folder = tmp_path / "schemas"
    shutil.copytree(REPOSITORY / "schemas", folder)
    return replace(
        installation, settings=installation.settings.model_copy(update={"schemas_dir": folder})
    )


@pytest.fixture
def caller(installation: Installation) -> Caller:
    """Create a customer as of today, because this gateway uses the real clock."""
    caller = installation.customer("iqu", datetime.now(UTC))
    caller.deliver("warehouse.csv")
    return caller


def spoil(installation: Installation, feed: str, text: str = BROKEN) -> None:
    (installation.settings.schemas_dir / f"{feed}.yaml").write_text(text, encoding="utf-8")


@contextmanager
def started(installation: Installation) -> Iterator[TestClient]:
    """Start a gateway as the server process does."""
    app = open_app(installation.settings)
    with TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50_000)) as client:
        yield client


def test_a_job_without_a_field_map_is_unavailable_and_others_are_not(
    installation: Installation, caller: Caller
) -> None:
    spoil(installation, "warehouse-b")
    with started(installation) as client:
        assert call(client, caller).status_code == 200
        response = call(client, caller, OTHER)
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert response.headers["x-api-key-days-remaining"]
        [message] = errors(response)
        assert message.startswith("The job warehouse-b is not available at the moment")
        assert "No load was queued" in message
        assert ".yaml" not in message
        unknown = call(client, caller, "/api/v1/index.cfm/webhook/warehouse-c")
        assert errors(unknown) == ["Invalid Job Name: warehouse-c"]
        assert client.post(OTHER, json={"apiKey": "wrong", "filename": "x"}).status_code == 401
    assert len(installation.loads()) == 1


def test_the_last_good_field_map_is_in_force_after_a_restart(
    installation: Installation, caller: Caller
) -> None:
    with started(installation):
        pass
    spoil(installation, "warehouse")
    with started(installation) as client:
        assert call(client, caller).status_code == 200
        field_map = client.get(
            "/api/v1/jobs/warehouse/field-map.json",
            headers={"Authorization": f"Bearer {caller.key}"},
        )
        assert len(field_map.json()["schema"]["fields"]) > 10


def test_a_field_map_that_was_retired_is_not_in_force_again(
    installation: Installation, caller: Caller
) -> None:
    with started(installation):
        pass
    (installation.settings.schemas_dir / "warehouse.yaml").unlink()
    with started(installation):
        pass
    spoil(installation, "warehouse")
    with started(installation) as client:
        assert call(client, caller).status_code == 503


def test_a_job_name_of_its_own_is_recognised_in_a_broken_file(
    installation: Installation, caller: Caller
) -> None:
    spoil(installation, "warehouse-b", "alumniq:\n  job: own-columns\nname: [unclosed\n")
    with started(installation) as client:
        response = call(client, caller, "/api/v1/index.cfm/webhook/own-columns")
        assert response.status_code == 503


def test_a_key_that_does_not_open_the_job_learns_nothing_of_its_state(
    installation: Installation, caller: Caller
) -> None:
    spoil(installation, "warehouse-b")
    bound, _ = installation.ledger.keys.issue(
        caller.name, Environment.QA, datetime.now(UTC), scope=KeyScope(("warehouse",), (), "")
    )
    with started(installation) as client:
        response = call(client, replace(caller, key=bound), OTHER)
    assert response.status_code == 403


def test_loads_of_a_disabled_feed_are_still_shown(
    installation: Installation, caller: Caller
) -> None:
    target = Target(caller.name, Environment.QA, "warehouse-b")
    request = LoadRequest(new_job_id(), target, "b.csv", None, None)
    load = installation.ledger.loads.accept(request, datetime.now(UTC))
    spoil(installation, "warehouse-b")
    bearer = {"Authorization": f"Bearer {caller.key}"}
    with started(installation) as client:
        listed = client.get("/api/v1/loads?job=warehouse-b", headers=bearer).json()
        shown = client.get(f"/api/v1/loads/{load.job_id}", headers=bearer)
    assert [shown_load["jobId"] for shown_load in listed["loads"]] == [load.job_id]
    assert shown.status_code == 200


def test_pages_work_beside_a_disabled_feed_and_staff_see_why(
    installation: Installation, caller: Caller
) -> None:
    spoil(installation, "warehouse-b")
    with started(installation) as client:
        sign_in(client, caller.key)
        for path in ("/webhooks", "/loads", "/upload", "/start"):
            assert client.get(path).status_code == 200, path
        broken = BrokenFieldMap(
            feed="warehouse-b", faults=("warehouse-b.yaml, line 2: wrong",), jobs=frozenset()
        )
        condition = field_map_broken(broken, is_disabled=True)
        installation.ledger.incidents.open(condition, datetime.now(UTC))
        sign_in_as_staff(client, installation)
        assert "warehouse-b.yaml, line 2: wrong" in client.get("/staff").text


def test_readiness_shows_which_field_maps_are_broken(
    installation: Installation, caller: Caller
) -> None:
    with started(installation):
        pass
    spoil(installation, "warehouse")
    spoil(installation, "new")
    with started(installation) as client:
        ready = client.get("/readyz")
        assert call(client, caller).status_code == 200
    assert ready.status_code == 200
    assert ready.json()["checks"]["field_maps"] == (
        "disabled: new; last good field map in force: warehouse"
    )


def test_a_gateway_without_its_folder_of_field_maps_does_not_start(
    installation: Installation,
) -> None:
    shutil.rmtree(installation.settings.schemas_dir)
    with pytest.raises(FieldMapsMissing):
        open_app(installation.settings)


def test_a_gateway_that_cannot_save_field_maps_starts_all_the_same(
    installation: Installation, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    installation.settings.last_good_dir.write_text("a file in the way", encoding="utf-8")
    with started(installation) as client:
        assert call(client, caller).status_code == 200
    assert "field-maps-not-saved" in caplog.text
