"""Actions on the pages, and the messages when an action is not possible."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import (
    AttemptRecord,
    AttemptResult,
    CheckRecord,
    Outcome,
)
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import DeliveryResult
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT, Staff, mail_recipients
from tests.page_visits import accept_load, form_token, send, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation, call
from webhook_gateway.services.load_queries import Status


def test_a_file_is_uploaded_and_loaded(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    sign_in(client, caller.key)
    response = client.post(
        "/upload",
        data={"form_token": form_token(client), "job": "warehouse", "email": "crm@example.edu"},
        files={"file": ("monday.csv", b"xid\n1\n")},
    )
    assert "The file was uploaded" in response.text
    [load] = installation.loads()
    assert (load.request.filename, load.target.customer) == ("monday.csv", "iqu")
    bucket = installation.buckets.open("iqu-feeds")
    assert (bucket.root / "qa/warehouse/monday.csv").read_bytes() == b"xid\n1\n"


@pytest.mark.parametrize("filename", ["../../ocu/x.csv", "a\\b.csv", "/etc/passwd", "a/../b.csv"])
def test_an_uploaded_file_stays_below_the_customers_folder(
    client: TestClient, caller: Caller, installation: Installation, filename: str
) -> None:
    sign_in(client, caller.key)
    fields = {"form_token": form_token(client), "job": "warehouse", "filename": filename}
    response = client.post("/upload", data=fields, files={"file": ("x.csv", b"xid\n1\n")})
    assert response.status_code == 400
    assert installation.loads() == []


def test_an_upload_without_a_file_says_what_to_do(client: TestClient, caller: Caller) -> None:
    sign_in(client, caller.key)
    fields = {"form_token": form_token(client), "job": "warehouse"}
    response = client.post("/upload", data=fields)
    assert response.status_code == 400
    assert "Choose a file" in response.text


def test_what_a_customer_sent_is_never_markup(client: TestClient, caller: Caller) -> None:
    name = "<img src=x onerror=alert(1)>`<b>`.csv"
    caller.deliver(name)
    job_id = JobId(call(client, caller, filename=name).json()["jobId"])
    sign_in(client, caller.key)
    for path in ("/loads", f"/loads/{job_id}", "/webhooks"):
        text = client.get(path).text
        assert "<img" not in text
        assert "<b>`" not in text
        assert "&lt;img" in text


def test_an_unexpected_error_is_a_page_with_an_incident_id_and_no_details(
    client: TestClient, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError(caller.key)

    sign_in(client, caller.key)
    monkeypatch.setattr(Status, "jobs", fail)
    response = client.get("/webhooks")
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert "incident" in response.text
    assert caller.key not in response.text


def test_an_unavailable_ledger_is_reported_on_a_page(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    sign_in(client, caller.key)
    (installation.settings.home / "ledger.db").rename(installation.settings.home / "away")
    installation.ledger.engine.dispose()
    response = client.get("/webhooks")
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("text/html")


def test_a_queued_load_can_be_canceled_once(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/cancel") == 303
    load = installation.ledger.loads.get(job_id)
    assert load
    assert load.state is LoadState.FAILED
    assert send(client, f"/loads/{job_id}/cancel") == 409


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_person_who_cancels_a_load_reads_whether_it_had_begun(
    client: TestClient, caller: Caller, installation: Installation, *, has_begun: bool
) -> None:
    job_id = accept_load(client, caller)
    [load] = installation.loads()
    if has_begun:
        installation.ledger.attempts.begin(load, "run-1", NOW)
    else:
        installation.ledger.queue.request(load, NOW)
    sign_in(client, caller.key)
    assert "Cancel this load" in client.get(f"/loads/{job_id}").text

    fields = {"form_token": form_token(client)}
    page = client.post(f"/loads/{job_id}/cancel", data=fields).text

    message = page.partition('role="status"')[2].partition("</p>")[0]
    assert ("before it began" in message) is not has_begun
    assert ("after it had begun. Nothing of it was published" in message) is has_begun
    assert ("Attempt 1 was stopped" in page) is has_begun
    assert "Cancel this load" not in page


def test_a_load_whose_publication_has_begun_offers_no_way_to_cancel_it(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accept_load(client, caller)
    [load] = installation.loads()
    attempts = installation.ledger.attempts
    attempts.begin(load, "run-1", NOW)
    attempts.claim_publication(job_id, 1, CheckRecord(counts=Counts(1, 1, 0)), None, NOW)
    sign_in(client, caller.key)
    assert "Cancel this load" not in client.get(f"/loads/{job_id}").text
    assert send(client, f"/loads/{job_id}/cancel") == 409


def test_a_notification_is_sent_again(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/cancel") == 303
    [notification] = installation.ledger.notifications.of(job_id)
    assert send(client, f"/loads/{job_id}/resend", notification=notification.id) == 303
    assert send(client, f"/loads/{job_id}/resend", notification="msg_other") == 404


def test_a_mail_to_staff_does_not_tick_that_a_customer_was_notified(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    """It used to, when e-mails to staff counted as the customer's own."""
    ledger, job_id = installation.ledger, JobId(call(client, caller).json()["jobId"])
    [load] = installation.loads()
    ledger.attempts.begin(load, "run-1", NOW)
    outcome = Outcome(LoadState.FAILED, is_our_fault=True)
    lost = [AttemptRecord(1, "run-1", AttemptResult.LOST)]
    staff = Staff((*mail_recipients(("ops@alumniq.example",)), STAFF_CHAT))
    ledger.loads.end(job_id, outcome, notices_for(load, outcome, lost, staff), NOW)
    delivered = DeliveryResult(delivered=True, detail="250")
    for notification in ledger.notifications.claim(NOW, timedelta(minutes=1)):
        ledger.notifications.record(notification, delivered, NOW)
    assert len(ledger.notifications.of(job_id)) == 2
    sign_in(client, caller.key)
    step = client.get("/start").text.partition("Receive a notification")[2].partition("</h2>")[0]
    assert "done" not in step


def test_a_key_is_rotated_with_overlap(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    sign_in(client, caller.key)
    fields = {"form_token": form_token(client), "prefix": caller.key[:12]}
    response = client.post("/keys/rotate", data=fields)
    found = re.search(r"aq_test_[\w-]{43}", response.text)
    assert found
    for key in (caller.key, found.group()):
        assert installation.ledger.keys.find(key, NOW)
    assert found.group() not in client.get("/keys").text, "shown once only"


def test_the_dashboard_lists_production_before_qa(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    live = installation.caller("iqu", Environment.PRODUCTION)
    for sender in (caller, live):
        sender.deliver("warehouse.csv")
        job_id = accept_load(client, sender)
        sign_in(client, sender.key)
        assert send(client, f"/loads/{job_id}/cancel") == 303
    sign_in_as_staff(client, installation)
    attention_items = client.get("/staff").text.partition("Customers</h2>")[0]
    assert attention_items.index("production") < attention_items.index(">qa<")


def test_a_load_that_does_not_await_approval_cannot_be_approved(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accept_load(client, caller)
    sign_in_as_staff(client, installation)
    fields = {"form_token": form_token(client, "/staff"), "customer": "iqu", "environment": "qa"}
    client.post("/staff/look", data=fields)
    assert send(client, f"/loads/{job_id}/approve", reason="it is right") == 400


def test_a_file_that_was_never_received_cannot_be_repeated(
    client: TestClient, caller: Caller
) -> None:
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/repeat") == 409


def test_a_strangers_file_is_not_even_read(client: TestClient) -> None:
    files = {"file": ("x.csv", b"x" * 2_000_000)}
    response = client.post("/upload", files=files, follow_redirects=False)
    assert response.headers["location"] == "/sign-in?next=/upload"


def test_an_endless_form_is_refused(client: TestClient) -> None:
    response = client.post("/sign-in", data={"key": "x" * 100_000})
    assert response.status_code == 413


@pytest.mark.parametrize("before", ["9" * 5_000, "9" * 19, "-1", "x", "\N{DEVANAGARI DIGIT ONE}"])
def test_an_invalid_page_cursor_starts_at_the_newest_load(
    client: TestClient, caller: Caller, before: str
) -> None:
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    response = client.get("/loads", params={"before": before})
    assert job_id in response.text


def test_a_filter_without_matches_does_not_claim_that_there_are_no_loads(
    client: TestClient, caller: Caller
) -> None:
    sign_in(client, caller.key)
    assert "No loads yet" in client.get("/loads").text
    accept_load(client, caller)
    page = client.get("/loads", params={"state": "failed"}).text
    assert "No loads match this filter" in page
    assert "No loads yet" not in page


@pytest.mark.parametrize("job_id", ["%00", "%F0%9F%98%80", "..%2f..", "x" * 4_000])
def test_an_odd_job_id_is_unknown(client: TestClient, caller: Caller, job_id: str) -> None:
    sign_in(client, caller.key)
    assert client.get(f"/loads/{job_id}").status_code in {404, 405}


def test_a_form_with_nul_is_refused(client: TestClient) -> None:
    response = client.post("/sign-in", data={"name": "ada\0", "password": "x"})
    assert response.status_code == 400
