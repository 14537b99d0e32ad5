"""Outages and unexpected errors: what callers, logs and monitors see."""

import logging
import re
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from tests.servers.gateway import DAYS, WEBHOOK, Caller, Installation, call, errors
from webhook_gateway.app import create_app


def test_an_unavailable_bucket_is_an_outage_and_loads_nothing(
    client: TestClient, installation: Installation, caller: Caller, tmp_path: Path
) -> None:
    bucket = installation.settings.buckets_dir / "iqu-feeds"
    shutil.move(bucket, tmp_path / "away")
    away = call(client, caller)
    shutil.move(tmp_path / "away", bucket)
    back = call(client, caller)

    assert away.status_code == 503
    assert away.headers["retry-after"] == "30"
    assert errors(away)[0].startswith("The bucket cannot be read or written at the moment")
    assert away.headers[DAYS] == "365"
    assert back.status_code == 200
    assert len(installation.loads()) == 1


def test_an_unavailable_ledger_is_an_outage(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    installation.ledger.close()
    database = installation.settings.home / "ledger.db"
    for path in installation.settings.home.glob("ledger.db*"):
        path.unlink()
    database.mkdir()

    response = call(client, caller)

    assert response.status_code == 503
    assert errors(response)[0].startswith("The ledger cannot be read or written at the moment")


def test_an_unexpected_error_is_an_incident_whose_cause_is_only_in_the_log(
    client: TestClient,
    installation: Installation,
    caller: Caller,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(caller.key)

    monkeypatch.setattr(type(installation.buckets), "open", broken)
    response = call(client, caller)

    assert response.status_code == 500
    [message] = errors(response)
    incident = re.search(r"[0-9a-f]{16}", message)
    assert incident
    assert incident[0] in caplog.text
    assert "builtins.RuntimeError" in caplog.text
    assert caller.key not in caplog.text
    assert "Traceback" not in response.text
    assert response.headers["cache-control"] == "no-store"


def test_neither_key_nor_body_reaches_the_log(
    client: TestClient, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = client.post(
        f"{WEBHOOK}?apikey={caller.key}",
        json={"filename": "warehouse.csv", "notifyEmail": "you@example.edu"},
    )
    client.post(f"{WEBHOOK}%0aforged?apikey={caller.key}", json={"filename": "nothing.csv"})

    ours = "\n".join(record.getMessage() for record in caplog.records if "gateway" in record.name)
    assert response.json()["jobId"] in ours
    assert caller.key not in ours
    assert "you@example.edu" not in ours
    assert "warehouse.csv" not in ours
    assert "\nforged" not in ours


def test_a_gateway_whose_parts_are_all_available_is_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"live": True}
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "checks": {"ledger": "ok", "buckets": "ok", "field_maps": "ok"},
    }


def test_a_gateway_with_an_unavailable_part_is_live_but_not_ready(
    client: TestClient, installation: Installation
) -> None:
    installation.settings.buckets_dir.rename(installation.settings.home / "away")
    response = client.get("/readyz")

    assert client.get("/livez").status_code == 200
    assert response.status_code == 503
    body = response.json()
    assert body["ready"] is False
    assert body["checks"]["ledger"] == "ok"
    assert body["checks"]["buckets"] == body["errors"][0]


def test_a_ledger_that_is_not_migrated_is_not_ready(
    client: TestClient, installation: Installation
) -> None:
    installation.ledger.close()
    for path in installation.settings.home.glob("ledger.db*"):
        path.unlink()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["ledger"] != "ok"


def test_a_gateway_whose_ledger_file_cannot_be_written_is_not_ready(
    installation: Installation, catalog: Catalog
) -> None:
    path = installation.settings.home / "ledger.db"
    app = create_app(
        installation.settings,
        ledger=Ledger.open(f"sqlite:///file:{path}?mode=ro&uri=true"),
        buckets=installation.buckets,
        catalog=catalog,
    )
    with TestClient(app) as client:
        response = client.get("/readyz")
    assert response.status_code == 503
    assert "SQLITE_READONLY" in response.json()["checks"]["ledger"]
