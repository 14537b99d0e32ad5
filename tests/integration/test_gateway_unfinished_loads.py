"""Loads that are not finished, by the status API: what they wait for, and canceling them."""

from datetime import timedelta

from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord
from tests.integration.test_gateway_api import finish, get, post
from tests.page_visits import sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation, call, errors


def test_the_queue_position_counts_the_loads_of_the_same_feed(
    client: TestClient, caller: Caller
) -> None:
    caller.deliver("degrees.csv")
    job_ids = [call(client, caller).json()["jobId"] for _ in range(3)]

    loads = [get(client, caller, f"/loads/{job_id}").json() for job_id in job_ids]

    assert [load["queuePosition"] for load in loads] == [1, 2, 3]


def test_a_load_that_is_not_finished_says_what_it_waits_for(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    first, second = (call(client, caller).json()["jobId"] for _ in range(2))
    ledger = installation.ledger

    def waits(job_id: str) -> list[str | None]:
        shown = get(client, caller, f"/loads/{job_id}").json()
        return [shown["waitingFor"], shown["nextAttemptAt"]]

    load = installation.loads()[-1]
    assert waits(first) == ["start", None]
    assert waits(second) == ["other-loads", None]
    launch = ledger.queue.request(load, NOW)
    assert launch is not None
    ledger.attempts.begin(load, "run-1", NOW, launch=launch)
    assert waits(first) == [None, None]
    due = NOW + timedelta(minutes=5)
    ledger.attempts.end(load.job_id, 1, AttemptResult.OUTAGE, NOW, next_attempt_at=due)
    assert waits(first) == ["next-attempt", "2026-03-01T02:35:00Z"]
    assert waits(second) == ["other-loads", None]
    finish(installation, first, launch=launch)
    assert waits(first) == [None, None]
    assert waits(second) == ["start", None]


def test_no_customer_reads_of_launches_that_failed(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller).json()["jobId"]
    [load] = installation.loads()
    installation.ledger.queue.request(load, NOW)
    [load] = installation.loads()
    due = NOW + timedelta(minutes=5)
    assert installation.ledger.queue.requeue(load, due, is_failed_launch=True)

    shown = get(client, caller, f"/loads/{job_id}").json()
    sign_in(client, caller.key)
    page = client.get(f"/loads/{job_id}").text
    sign_in_as_staff(client, installation)
    staff_page = client.get(f"/loads/{job_id}").text

    assert (shown["waitingFor"], shown["nextAttemptAt"], shown["attempts"]) == ("start", None, [])
    assert "Waiting to start." in page
    assert "aunch" not in page.partition("<main")[2]
    assert "Failed launches so far: 1; the next one is due at 02:35 UTC." in staff_page


def test_a_queued_load_can_be_canceled_once_and_that_is_notified(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller, notifyEmail="you@example.edu").json()["jobId"]
    canceled = post(client, caller, f"/loads/{job_id}/cancel")
    again = post(client, caller, f"/loads/{job_id}/cancel")

    assert canceled.json()["state"] == "failed"
    assert again.status_code == 409
    assert errors(again)[0].startswith("The load is failed")
    [notification] = installation.ledger.notifications.of(JobId(job_id))
    assert "canceled" in notification.notice.body
    page = f"{installation.settings.gateway_url}/loads/{job_id}"
    assert notification.notice.body.endswith(f"\nPage: {page}\n")


def test_a_running_load_can_be_canceled_and_its_attempt_was_stopped(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller).json()["jobId"]
    [load] = installation.loads()
    installation.ledger.attempts.begin(load, "run-1", NOW)

    canceled = post(client, caller, f"/loads/{job_id}/cancel")

    assert canceled.status_code == 200
    assert canceled.json()["state"] == "failed"
    assert "canceled after it had begun" in canceled.json()["errors"][0]
    shown = get(client, caller, f"/loads/{job_id}").json()
    assert [attempt["result"] for attempt in shown["attempts"]] == ["stopped"]


def test_a_load_that_is_being_published_cannot_be_canceled(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    job_id = call(client, caller).json()["jobId"]
    [load] = installation.loads()
    ledger = installation.ledger
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.claim_publication(
        load.job_id, 1, CheckRecord(counts=Counts(1, 1, 0)), Receipt("0" * 64, "etag"), NOW
    )

    response = post(client, caller, f"/loads/{job_id}/cancel")

    assert response.status_code == 409
    assert "its publication has begun" in errors(response)[0]
    found = ledger.loads.get(load.job_id)
    assert found is not None
    assert found.state is LoadState.RUNNING
