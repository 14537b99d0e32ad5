"""A notification can be sent again by those who can see it, unless it is being sent now."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notification,
    NotificationState,
)
from alumniq_pipelines.core.notifications.staff import (
    STAFF_CHAT,
    STAFF_TEAMS,
    Staff,
    mail_recipients,
)
from tests.page_visits import form_token, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation, call, errors

BOTH = "both@alumniq.example"
"""An address of staff that the customer named as well."""
STAFF = Staff((*mail_recipients((BOTH, "ops@alumniq.example")), STAFF_CHAT, STAFF_TEAMS))
HEARTBEAT = "https://hc-ping.com/s3cret"


@pytest.fixture
def job_id(client: TestClient, caller: Caller, installation: Installation) -> JobId:
    """Fail a load by an outage, which notifies its customer, staff and a monitor."""
    options = {"notifyEmail": BOTH, "notifyWebhook": "https://hooks.example.edu/a"}
    found = JobId(call(client, caller, **options).json()["jobId"])
    ledger = installation.ledger
    load = ledger.loads.get(found)
    assert load
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.end(found, 1, AttemptResult.OUTAGE, NOW, errors=["It is away."])
    load, outcome = (
        ledger.loads.get(found),
        Outcome(LoadState.FAILED, ("It failed.",), is_our_fault=True),
    )
    assert load
    notices = notices_for(load, outcome, ledger.attempts.of(found), STAFF, HEARTBEAT)
    ledger.loads.end(found, outcome, notices, NOW)
    return found


def of(ledger: Ledger, job_id: JobId, audience: Audience, channel: Channel) -> Notification:
    """Return the first notification of a load with a given channel and audience."""
    found = ledger.notifications.of(job_id, [audience])
    return next(notification for notification in found if notification.notice.channel is channel)


def resends(ledger: Ledger) -> list[tuple[str, str]]:
    """List who sent which notification again, according to the audit trail."""
    wanted = select(audit.c.actor, audit.c.subject).where(audit.c.action == "notification resent")
    with ledger.database.reading() as connection:
        return [(row.actor, row.subject) for row in connection.execute(wanted)]


def by_api(client: TestClient, caller: Caller, job_id: str, notification_id: str) -> Any:
    headers = {"Authorization": f"Bearer {caller.key}"}
    path = f"/api/v1/loads/{job_id}/notifications/{notification_id}/resend"
    return client.post(path, headers=headers)


def by_page(client: TestClient, job_id: str, notification_id: str) -> Any:
    fields = {"form_token": form_token(client), "notification": notification_id}
    return client.post(f"/loads/{job_id}/resend", data=fields, follow_redirects=False)


def by_command(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, notification_id: str
) -> Any:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(installation.settings.data_dir))
    return CliRunner().invoke(app, ["notification", "resend", notification_id])


def test_an_id_of_another_customer_of_staff_or_of_a_monitor_does_not_exist(
    client: TestClient, caller: Caller, installation: Installation, job_id: JobId
) -> None:
    ledger = installation.ledger
    other = installation.customer("ocu")
    other.deliver("warehouse.csv")
    foreign = call(client, other, notifyWebhook="https://hooks.example.org/").json()["jobId"]
    [load] = ledger.loads.find(customer="ocu")
    theirs = notices_for(load, Outcome(LoadState.FAILED))
    ledger.loads.end(load.job_id, Outcome(LoadState.FAILED), theirs, NOW)
    hidden = [
        notification.id
        for notification in ledger.notifications.of(job_id, [Audience.STAFF, Audience.MONITOR])
    ]
    ids = [*hidden, f"msg_{foreign}-1", "msg_never"]
    assert len(ids) == 7
    ledger.notifications.claim(
        NOW, timedelta(minutes=3)
    )  # in progress, which must not be revealed either
    before = ledger.notifications.find(limit=100)

    sign_in(client, caller.key)
    for job in (job_id, foreign):
        by_the_api = {
            (a.status_code, a.text) for a in (by_api(client, caller, job, i) for i in ids)
        }
        by_the_page = {(a.status_code, a.text) for a in (by_page(client, job, i) for i in ids)}
        assert len(by_the_api) == len(by_the_page) == 1
        assert {status for status, _ in by_the_api | by_the_page} == {404}
    assert ledger.notifications.find(limit=100) == before
    assert resends(ledger) == []


def test_of_two_mails_to_one_address_a_customer_sees_their_own(
    client: TestClient, caller: Caller, installation: Installation, job_id: JobId
) -> None:
    headers = {"Authorization": f"Bearer {caller.key}"}
    shown = client.get(f"/api/v1/loads/{job_id}", headers=headers).json()["notifications"]
    assert [(notification["channel"], notification["destination"]) for notification in shown] == [
        ("callback", "https://hooks.example.edu/a"),
        ("mail", BOTH),
    ]
    own = of(installation.ledger, job_id, Audience.CUSTOMER, Channel.MAIL)
    assert shown[1]["id"] == own.id
    assert len(installation.ledger.notifications.of(job_id)) == 7


def test_staff_send_any_notification_again_on_the_pages(
    client: TestClient, installation: Installation, job_id: JobId
) -> None:
    sign_in_as_staff(client, installation)
    assert client.get(f"/loads/{job_id}").status_code == 200
    for audience, channel in (
        (Audience.CUSTOMER, Channel.CALLBACK),
        (Audience.STAFF, Channel.CHAT),
        (Audience.STAFF, Channel.TEAMS),
        (Audience.MONITOR, Channel.HEARTBEAT),
    ):
        found = of(installation.ledger, job_id, audience, channel)
        assert by_page(client, job_id, found.id).status_code == 303
        assert resends(installation.ledger)[-1] == ("staff ada", found.id)


def test_while_it_is_being_sent_every_way_in_refuses_alike_and_nothing_is_audited(
    client: TestClient,
    caller: Caller,
    installation: Installation,
    job_id: JobId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = installation.ledger
    own = of(ledger, job_id, Audience.CUSTOMER, Channel.CALLBACK)
    lease = timedelta(days=10_000)  # the command uses the real clock
    [claimed] = [
        notification
        for notification in ledger.notifications.claim(NOW, lease)
        if notification.id == own.id
    ]

    response = by_api(client, caller, job_id, own.id)
    [sentence] = errors(response)
    sign_in(client, caller.key)
    page = by_page(client, job_id, own.id)
    command = by_command(installation, monkeypatch, own.id)

    assert (response.status_code, page.status_code, command.exit_code) == (409, 409, 2)
    assert sentence.startswith(f"The notification {own.id} is being sent right now.")
    assert all(part in page.text for part in sentence.split(". "))
    assert " ".join(command.stderr.split()) == f"Error: {sentence}"
    assert ledger.notifications.get(own.id) == claimed
    assert resends(ledger) == []


@pytest.mark.parametrize("way", ["api", "page", "command"])
def test_what_is_sent_again_is_due_at_once_and_audited_once(
    client: TestClient,
    caller: Caller,
    installation: Installation,
    job_id: JobId,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    ledger = installation.ledger
    own = of(ledger, job_id, Audience.CUSTOMER, Channel.CALLBACK)
    sign_in(client, caller.key)
    ways: dict[str, Callable[[], Any]] = {
        "api": lambda: by_api(client, caller, job_id, own.id),
        "page": lambda: by_page(client, job_id, own.id),
        "command": lambda: by_command(installation, monkeypatch, own.id),
    }
    ways[way]()
    with closing(Ledger.open(installation.settings.ledger)) as reopened:
        found = reopened.notifications.get(own.id)
        assert found
        assert (found.state, found.attempts) == (NotificationState.PENDING, 0)
        assert [subject for _, subject in resends(reopened)] == [own.id]
