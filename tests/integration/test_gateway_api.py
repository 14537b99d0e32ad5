"""The status API: the jobs and loads that a key can see, and the actions it allows."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.api_keys import KeyScope
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, Counts, file_note
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import DeliveryResult
from tests.page_visits import sign_in
from tests.servers.gateway import DAYS, NOW, Caller, Installation, call, errors


def get(client: TestClient, caller: Caller, path: str) -> Any:
    """Send a GET request with a key as a Bearer token."""
    return client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {caller.key}"})


def post(client: TestClient, caller: Caller, path: str) -> Any:
    """Send a POST request with a key as a Bearer token."""
    return client.post(f"/api/v1{path}", headers={"Authorization": f"Bearer {caller.key}"})


def finish(
    installation: Installation,
    job_id: str,
    receipt: Receipt | None = None,
    warnings: tuple[Cause, ...] = (),
    launch: int = 0,
) -> None:
    """Let a load succeed and deliver its notifications."""
    ledger = installation.ledger
    load = ledger.loads.get(JobId(job_id))
    assert load is not None
    counts = Counts(3, 3, 0)
    attempt = ledger.attempts.begin(load, "run-1", NOW, launch=launch)
    assert attempt is not None
    ledger.attempts.end(
        load.job_id,
        attempt.number,
        AttemptResult.PUBLISHED,
        NOW,
        check=CheckRecord(counts=counts),
        receipt=receipt,
    )
    outcome = Outcome(LoadState.SUCCEEDED, counts=counts, warnings=warnings)
    ledger.loads.end(load.job_id, outcome, notices_for(load, outcome), NOW)
    for notification in ledger.notifications.claim(NOW, timedelta(minutes=1)):
        ledger.notifications.record(notification, DeliveryResult(delivered=True, detail="200"), NOW)


def test_jobs_show_their_field_maps_and_last_loads(client: TestClient, caller: Caller) -> None:
    job_id = call(client, caller).json()["jobId"]
    response = get(client, caller, "/jobs")

    assert response.headers[DAYS] == "365"
    jobs = {job["job"]: job for job in response.json()["jobs"]}
    assert len(jobs) == 7
    assert jobs["warehouse"]["lastLoad"]["jobId"] == job_id
    assert jobs["warehouse-degrees"]["lastLoad"] is None
    for link in jobs["warehouse"]["fieldMap"].values():
        shown = get(client, caller, link.removeprefix("/api/v1"))
        assert shown.status_code == 200
        assert "lastName" in shown.text


def test_loads_are_listed_in_pages_newest_first(client: TestClient, caller: Caller) -> None:
    accepted = [call(client, caller).json()["jobId"] for _ in range(5)]
    listed: list[str] = []
    path: str | None = "/loads?limit=2&job=warehouse&state=queued"
    while path:
        page = get(client, caller, path.removeprefix("/api/v1")).json()
        listed += [load["jobId"] for load in page["loads"]]
        path = page["next"]

    assert listed == accepted[::-1]


def test_the_former_name_of_limit_is_still_accepted(client: TestClient, caller: Caller) -> None:
    for _ in range(5):
        call(client, caller)
    page = get(client, caller, "/loads?most=2").json()

    assert len(page["loads"]) == 2
    assert "limit=2" in page["next"]
    assert len(get(client, caller, "/loads?most=2&limit=3").json()["loads"]) == 3


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "most=0",
        "most=201",
        "before=0",
        "before=99999999999999999999",
        "state=gone",
    ],
)
def test_parameters_that_cannot_be_used_are_refused(
    client: TestClient, caller: Caller, query: str
) -> None:
    response = get(client, caller, f"/loads?{query}")

    assert response.status_code == 400
    assert errors(response)[0].startswith(f"The parameter {query.partition('=')[0]} is not valid")


def test_a_load_is_shown_with_its_attempts_and_notifications(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller, notifyWebhook="https://hooks.example.edu/a").json()["jobId"]
    queued = get(client, caller, f"/loads/{job_id}").json()
    finish(installation, job_id)
    ended = get(client, caller, f"/loads/{job_id.lower()}").json()

    assert (queued["state"], queued["queuePosition"]) == ("queued", 1)
    assert (ended["state"], ended["queuePosition"]) == ("succeeded", None)
    assert ended["rows"] == {"read": 3, "accepted": 3, "rejected": 0}
    assert [attempt["result"] for attempt in ended["attempts"]] == ["published"]
    [notification] = ended["notifications"]
    assert notification["state"] == "delivered"
    assert [attempt["detail"] for attempt in notification["attempts"]] == ["200"]


def test_warnings_and_notes_of_a_load_are_separate_from_its_errors(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller).json()["jobId"]
    expected = ("`nation` is no country", 1_003, 7)
    warnings = (
        Cause("reference", "nation", *expected, "warning", "Send the code."),
        file_note("Columns that are not in the field map were ignored: `shoe`."),
    )
    finish(installation, job_id, warnings=warnings)
    shown = get(client, caller, f"/loads/{job_id}").json()

    assert shown["errors"] == []
    [warning], [note] = shown["warnings"], shown["notes"]
    assert warning == {
        "code": "reference",
        "column": "nation",
        "message": "`nation` is no country",
        "advice": "Send the code.",
        "rows": 1_003,
        "firstLine": 7,
    }
    assert note["code"] == "file"
    assert (note["column"], note["rows"], note["firstLine"]) == (None, None, None)

    sign_in(client, caller.key)
    page = client.get(f"/loads/{job_id}").text
    section = page.partition('id="warnings"')[2].partition("</section>")[0]
    assert "Warnings and notes" in section
    assert "<code>nation</code> is no country" in section
    assert "1,003" in section
    assert "Why it failed" not in page


def test_a_finished_load_is_repeated_from_its_archived_file(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller, notifyWebhook="https://hooks.example.edu/a").json()["jobId"]
    early = post(client, caller, f"/loads/{job_id}/repeat")
    finish(installation, job_id, receipt=Receipt("0" * 64, "etag"))
    again = post(client, caller, f"/loads/{job_id}/repeat")

    assert early.status_code == 409
    assert again.status_code == 200
    assert again.json()["state"] == "queued"
    repeated = installation.ledger.loads.get(JobId(again.json()["jobId"]))
    assert repeated is not None
    assert repeated.request.repeats == job_id
    assert repeated.request.notify_webhook == "https://hooks.example.edu/a"


def test_a_notification_is_sent_again_with_the_same_id(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller, notifyWebhook="https://hooks.example.edu/a").json()["jobId"]
    finish(installation, job_id)
    [notification] = installation.ledger.notifications.of(JobId(job_id))

    response = post(client, caller, f"/loads/{job_id}/notifications/{notification.id}/resend")

    assert response.json()["notifications"][0]["state"] == "pending"
    assert [due.id for due in installation.ledger.notifications.claim(NOW, timedelta(1))] == [
        notification.id
    ]
    unknown = post(client, caller, f"/loads/{job_id}/notifications/msg_1/resend")
    assert unknown.status_code == 404


def test_a_key_is_exchanged_for_a_new_one_and_both_work(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    path = f"/api/v1/index.cfm/exchange?emailaddress=feeds@example.edu&apikey={caller.key}"
    response = client.get(path).json()
    fresh = Caller(installation, "iqu", Environment.QA, response["apiKey"])

    assert response["daysRemaining"] == 365
    assert call(client, fresh).status_code == call(client, caller).status_code == 200
    listed = get(client, fresh, "/keys").json()["keys"]
    assert sorted(key["daysRemaining"] for key in listed) == [14, 365]
    assert caller.key not in str(listed)
    assert fresh.key not in str(listed)


@pytest.mark.usefixtures("caller")
def test_a_key_with_an_address_is_exchanged_only_with_it(
    client: TestClient, installation: Installation
) -> None:
    scope = KeyScope(email="feeds@example.edu")
    key, _ = installation.ledger.keys.issue("iqu", Environment.QA, NOW, scope=scope)
    bound = Caller(installation, "iqu", Environment.QA, key)

    refused = get(client, bound, "/index.cfm/exchange?emailaddress=other@example.edu")
    traded = get(client, bound, "/index.cfm/exchange?EMAILADDRESS=Feeds@Example.edu")

    assert refused.status_code == 400
    assert "feeds@example.edu" not in refused.text
    assert traded.status_code == 200


def test_a_key_for_some_feeds_sees_and_loads_only_those(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    whole = call(client, caller).json()["jobId"]
    caller.deliver("degrees.csv")
    scope = KeyScope(feeds=("warehouse-degrees",))
    key, _ = installation.ledger.keys.issue("iqu", Environment.QA, NOW, scope=scope)
    bound = Caller(installation, "iqu", Environment.QA, key)

    refused = call(client, bound)
    assert refused.status_code == 403
    assert errors(refused)[0].startswith("The API key is not valid for the job warehouse.")
    assert call(
        client, bound, "/api/v1/index.cfm/webhook/warehouse-degrees", filename="degrees.csv"
    )
    assert [job["job"] for job in get(client, bound, "/jobs").json()["jobs"]] == [
        "warehouse-degrees"
    ]
    assert [load["job"] for load in get(client, bound, "/loads").json()["loads"]] == [
        "warehouse-degrees"
    ]
    assert get(client, bound, f"/loads/{whole}").status_code == 404
    assert get(client, bound, "/jobs/warehouse/field-map.json").status_code == 403


@pytest.mark.usefixtures("caller")
@pytest.mark.parametrize(
    ("networks", "status"),
    [((), 200), (("127.0.0.0/8",), 200), (("10.0.0.0/8",), 401), (("10.0.0.0/8", "::/0"), 401)],
)
def test_a_key_works_only_from_its_networks(
    client: TestClient, installation: Installation, networks: Any, status: int
) -> None:
    scope = KeyScope(networks=networks)
    key, _ = installation.ledger.keys.issue("iqu", Environment.QA, NOW, scope=scope)

    assert call(client, Caller(installation, "iqu", Environment.QA, key)).status_code == status


@pytest.mark.parametrize("path", ["/api/", "/api/openapi.json"])
def test_the_reference_is_the_same_every_time_compressed_or_not(
    client: TestClient, path: str
) -> None:
    responses = [
        client.get(path, headers={"accept-encoding": encoding})
        for encoding in ("gzip", "identity", "gzip", "identity")
    ]
    assert {response.status_code for response in responses} == {200}
    assert len({response.text for response in responses}) == 1
    for response in responses[1::2]:
        assert int(response.headers["content-length"]) == len(response.content)
