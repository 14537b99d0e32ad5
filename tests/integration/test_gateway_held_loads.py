"""What a customer sees of a load that awaits approval, and of a dry run that says it would."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import (
    AttemptResult,
    CheckRecord,
    Outcome,
    refusal_outcome,
)
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.notifications.held_load import held_notices
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.core.problems.holding import WouldBeHeld
from alumniq_pipelines.core.problems.live_data import LiveData
from tests.accepted_rows import small_field_map
from tests.page_visits import form_token, send, sign_in
from tests.servers.gateway import NOW, Caller, Installation, call

REASONS = ("50 rows removed, 50 % of 100 rows; more than 10 % need approval.", "It lost zeros.")
COUNTS = Counts(50, 50, 0)
CHANGES = Changes(0, 0, 50, 50)
PUBLIC_URLS = PublicUrls.shared("https://feeds.example.org")
PREVIOUS = "Your previous data is still live."


def begun(client: TestClient, caller: Caller, installation: Installation, **options: Any) -> Load:
    """Accept a load and begin an attempt at it."""
    emails = "ada@iqu.example, bob@iqu.example"
    job_id = JobId(call(client, caller, notifyEmail=emails, **options).json()["jobId"])
    load = installation.ledger.loads.get(job_id)
    assert load is not None
    assert installation.ledger.attempts.begin(load, "run-1", NOW) is not None
    return load


@pytest.fixture
def held(client: TestClient, caller: Caller, installation: Installation) -> Load:
    ledger = installation.ledger
    before = begun(client, caller, installation)
    ledger.loads.end(before.job_id, Outcome(LoadState.SUCCEEDED), [], NOW)
    load = begun(client, caller, installation)
    version = Version(
        target=load.target,
        number=before.number,
        job_id=before.job_id,
        rows=100,
        sha256="cafe",
        etag=None,
        relation="warehouse",
        published_at=NOW,
    )
    ledger.versions.record(version, NOW)
    hold = Hold(
        job_id=load.job_id,
        held=HeldRows(
            digest="beef",
            field_map=small_field_map("warehouse"),
            table="warehouse",
            columns=("xid",),
            rows=50,
            sha256="fade",
            etag=None,
        ),
        counts=COUNTS,
        changes=CHANGES,
        reasons=REASONS,
        held_at=NOW,
        expires_at=NOW + timedelta(days=7),
    )
    staff = Staff(mail_recipients(("ops@alumniq.example",)))
    notices = held_notices(load, hold, staff, PUBLIC_URLS, LiveData.PREVIOUS)
    assert ledger.holds.hold(hold, 1, None, notices)
    return load


@pytest.fixture
def would_be_held(client: TestClient, caller: Caller, installation: Installation) -> Load:
    load, ledger = begun(client, caller, installation, dryRun=True), installation.ledger
    ledger.attempts.end(
        load.job_id,
        1,
        AttemptResult.WOULD_BE_HELD,
        NOW,
        errors=(str(WouldBeHeld()), *REASONS),
        check=CheckRecord(counts=COUNTS, changes=CHANGES),
    )
    outcome = refusal_outcome(ledger.attempts.of(load.job_id)[-1])
    ledger.loads.end(load.job_id, outcome, notices_for(load, outcome), NOW)
    return load


def test_the_api_says_until_when_a_held_load_waits_and_why_and_what_is_live(
    client: TestClient, caller: Caller, held: Load
) -> None:
    found = client.get(
        f"/api/v1/loads/{held.job_id}", headers={"Authorization": f"Bearer {caller.key}"}
    ).json()
    assert (found["state"], found["waitingFor"]) == ("held", "approval")
    assert found["hold"] == {
        "heldAt": "2026-03-01T02:30:00Z",
        "expiresAt": "2026-03-08T02:30:00Z",
        "reasons": list(REASONS),
        "live": PREVIOUS,
    }
    assert found["wouldBeHeld"] == []
    assert [(mail["id"], mail["destination"]) for mail in found["notifications"]] == [
        (f"msg_{held.job_id}-held-1", "ada@iqu.example"),
        (f"msg_{held.job_id}-held-2", "bob@iqu.example"),
    ]


def test_the_page_of_a_held_load_says_until_when_it_waits_and_why_and_what_is_live(
    client: TestClient, caller: Caller, held: Load
) -> None:
    sign_in(client, caller.key)
    page = client.get(f"/loads/{held.job_id}").text
    assert "Awaiting approval" in page
    assert all(reason in page for reason in REASONS)
    assert "without approval by then, the load fails" in page
    assert "2026-03-08" in page
    assert PREVIOUS in page
    assert "bob@iqu.example" in page
    assert "ops@alumniq.example" not in page


def test_a_customer_has_the_mail_about_a_held_load_sent_again_and_not_that_of_staff(
    client: TestClient, caller: Caller, held: Load
) -> None:
    sign_in(client, caller.key)
    assert form_token(client)
    path, prefix = f"/loads/{held.job_id}/resend", f"msg_{held.job_id}-held"
    assert send(client, path, notification=f"{prefix}-2") == 303
    assert send(client, path, notification=f"{prefix}-3") == 404


def test_the_api_says_that_a_dry_run_would_be_held_and_why(
    client: TestClient, caller: Caller, would_be_held: Load
) -> None:
    found = client.get(
        f"/api/v1/loads/{would_be_held.job_id}", headers={"Authorization": f"Bearer {caller.key}"}
    ).json()
    assert (found["state"], found["dryRun"], found["hold"]) == ("failed", True, None)
    assert found["wouldBeHeld"] == list(REASONS)
    assert found["errors"] == [str(WouldBeHeld()), *REASONS]
    assert found["attempts"][0]["result"] == "would-be-held"
    assert found["changes"]["removed"] == 50


def test_the_page_of_a_dry_run_says_that_a_load_would_be_held_and_why(
    client: TestClient, caller: Caller, would_be_held: Load
) -> None:
    sign_in(client, caller.key)
    page = client.get(f"/loads/{would_be_held.job_id}").text
    assert "Would be held for approval" in page
    assert all(page.count(reason) == 1 for reason in REASONS)
    assert "This was a dry run: nothing was published." in page
    assert WouldBeHeld().advice in page
    assert "Why it failed" not in page
    assert "upload it again" not in page
