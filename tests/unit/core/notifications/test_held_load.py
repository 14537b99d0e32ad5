"""Who is notified that a load is held, and what they read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.held_load import held_notices
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT, Staff, mail_recipients
from alumniq_pipelines.core.problems.live_data import LiveData
from tests.accepted_rows import small_field_map

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
REQUEST = LoadRequest(
    job_id=JobId("F6494FE4-8642-4F2E-A87DF336916CC246"),
    target=Target("iqu", Environment.QA, "warehouse"),
    filename="warehouse.csv",
    etag="e1",
    size_bytes=10,
    notify_email="ada@iqu.example; bob@iqu.example",
    notify_webhook="https://hooks.iqu.example/a",
)
LOAD = Load(2, REQUEST, LoadState.RUNNING, attempts=1, accepted_at=NOW)
HOLD = Hold(
    job_id=LOAD.job_id,
    held=HeldRows(
        digest="beef",
        field_map=small_field_map("warehouse"),
        table="warehouse",
        columns=("xid",),
        rows=50,
        sha256="cafe",
        etag="e1",
    ),
    counts=Counts(51, 50, 1),
    changes=Changes(0, 0, 50, 50),
    reasons=("50 rows removed.", "It lost zeros."),
    held_at=NOW,
    expires_at=NOW + timedelta(days=7),
)
STAFF = Staff((*mail_recipients(("ops@example.org",)), STAFF_CHAT))
GATEWAY = "https://feeds.example.org"
PUBLIC_URLS = PublicUrls.shared(GATEWAY)


def customers_mail(live: LiveData = LiveData.PREVIOUS) -> Notice:
    return held_notices(LOAD, HOLD, STAFF, PUBLIC_URLS, live)[0]


def test_every_address_of_the_customer_gets_a_mail_and_staff_get_theirs_but_no_callback() -> None:
    notices = held_notices(LOAD, HOLD, STAFF, PUBLIC_URLS, LiveData.PREVIOUS)
    assert [(notice.channel, notice.audience, notice.destination) for notice in notices] == [
        (Channel.MAIL, Audience.CUSTOMER, "ada@iqu.example"),
        (Channel.MAIL, Audience.CUSTOMER, "bob@iqu.example"),
        (Channel.MAIL, Audience.STAFF, "ops@example.org"),
        (Channel.CHAT, Audience.STAFF, "staff"),
    ]


def test_a_customer_who_gave_no_address_is_sent_nothing() -> None:
    load = replace(LOAD, request=replace(REQUEST, notify_email=""))
    notices = held_notices(load, HOLD, STAFF, PUBLIC_URLS, LiveData.PREVIOUS)
    assert {notice.audience for notice in notices} == {Audience.STAFF}


def test_the_customers_mail_says_why_until_when_and_what_happens_then() -> None:
    mail = customers_mail()
    assert mail.subject == "Awaiting approval: warehouse (iqu, qa)"
    first, why, change, then, to_do, counts, *_ = mail.body.split("\n\n")
    assert first == (
        "warehouse.csv was checked but is not published yet, because of what it would change. "
        "Your previous data is still live."
    )
    assert why == "Why it is awaiting approval:\n- 50 rows removed.\n- It lost zeros."
    assert change == ("What it would change:\n- 0 added, 0 changed, 50 removed, 50 unchanged")
    assert "by 2026-03-08 02:30 UTC" in then
    assert "it fails and is not published. You will be notified of the outcome." in then
    assert "if these changes are correct, please let us know" in to_do
    assert counts == "Rows read: 51\nRows accepted: 50\nRows rejected: 1"
    assert mail.body.endswith(f"\nPage: {GATEWAY}/loads/{LOAD.job_id}\n")
    assert "alumniq load" not in mail.body


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (LiveData.NONE, "No data of this feed has been published yet."),
        (LiveData.PREVIOUS, "Your previous data is still live."),
        (LiveData.OTHER, "The data of another load is live."),
    ],
)
def test_what_is_live_while_a_load_is_held_is_said_as_it_is(live: LiveData, said: str) -> None:
    assert customers_mail(live).body.split("\n\n")[0].endswith(said)


def test_staff_read_how_to_decide() -> None:
    *_, mail, _ = held_notices(LOAD, HOLD, STAFF, PUBLIC_URLS, LiveData.PREVIOUS)
    assert mail.subject == "Staff: Held: warehouse (iqu, qa)"
    assert "What to do by 2026-03-08 02:30 UTC:\n- alumniq load approve" in mail.body
    assert mail.body.endswith(f"\nCustomer: iqu\nPage: {GATEWAY}/loads/{LOAD.job_id}\n")
