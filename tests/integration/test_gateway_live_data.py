"""A failed load is shown with what is live now, not with what was live when it failed."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.file import RowsRejected
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from tests.page_visits import sign_in
from tests.servers.gateway import NOW, Caller, Installation, call

NOTHING, PREVIOUS, OTHER = (
    live_sentence(live) for live in (LiveData.NONE, LiveData.PREVIOUS, LiveData.OTHER)
)


def accepted(client: TestClient, caller: Caller, installation: Installation) -> Load:
    found = installation.ledger.loads.get(JobId(call(client, caller).json()["jobId"]))
    assert found is not None
    assert installation.ledger.attempts.begin(found, "run", NOW) is not None
    return found


def rejected(client: TestClient, caller: Caller, installation: Installation, live: LiveData) -> str:
    load, errors = accepted(client, caller, installation), (str(RowsRejected(1, 2, live)),)
    installation.ledger.attempts.end(load.job_id, 1, AttemptResult.REFUSED, NOW, errors=errors)
    installation.ledger.loads.end(load.job_id, Outcome(LoadState.FAILED, errors), [], NOW)
    return load.job_id


def published(client: TestClient, caller: Caller, installation: Installation) -> None:
    load = accepted(client, caller, installation)
    installation.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [], NOW)
    version = Version(
        target=load.target,
        number=load.number,
        job_id=load.job_id,
        rows=1,
        sha256="cafe",
        etag=None,
        relation="warehouse",
        published_at=NOW,
    )
    installation.ledger.versions.record(version, NOW)


def api(client: TestClient, caller: Caller, path: str) -> Any:
    headers = {"Authorization": f"Bearer {caller.key}"}
    return client.get(f"/api/v1{path}", headers=headers).json()


@pytest.mark.parametrize("is_first", [True, False])
def test_a_load_that_failed_is_shown_with_what_is_live_now(
    client: TestClient, caller: Caller, installation: Installation, *, is_first: bool
) -> None:
    """It was once said that nothing was published, beside the table of published versions."""
    if not is_first:
        published(client, caller, installation)
    at_first = LiveData.NONE if is_first else LiveData.PREVIOUS
    job_id = rejected(client, caller, installation, at_first)
    sign_in(client, caller.key)
    page = client.get(f"/loads/{job_id}").text
    assert page.count(live_sentence(at_first)) == 1

    published(client, caller, installation)
    page = client.get(f"/loads/{job_id}").text
    assert page.count(OTHER) == 1
    assert NOTHING not in page
    assert PREVIOUS not in page
    found = api(client, caller, f"/loads/{job_id}")
    listed = api(client, caller, "/loads?state=failed")["loads"][0]
    for errors in (found["errors"], found["attempts"][0]["errors"], listed["errors"]):
        assert errors[0].startswith("1 of 2 rows were rejected")
        assert not any(sentence in errors[0] for sentence in (NOTHING, PREVIOUS, OTHER))
