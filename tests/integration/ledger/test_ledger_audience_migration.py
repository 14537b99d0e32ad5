"""Notifications from before there were audiences get the right one, on both engines."""

from collections.abc import Mapping

import pytest
from alembic import command
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.adapters.ledger.tables import notifications
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from alumniq_pipelines.core.notifications.key_expiry import expiry_notices
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.notifications.staff import (
    STAFF_CHAT,
    STAFF_TEAMS,
    Staff,
    mail_recipients,
)
from tests.integration.ledger.conftest import NOW, Accept

BOTH = "both@alumniq.example"
"""An address of staff that the customer named with the load, too."""
STAFF = Staff((*mail_recipients((BOTH, "ops@alumniq.example")), STAFF_CHAT, STAFF_TEAMS))
EMAILS = f"ada@iqu.example; {BOTH},  bob@iqu.example"
FAILED = Outcome(LoadState.FAILED)
KEY = ApiKey(
    prefix="aq_test_abcd",
    customer="iqu",
    environment=Environment.QA,
    created_at=NOW,
    expires_at=NOW,
    email="ada@iqu.example",
)
S3_SUBJECTS = (
    "A new S3 key is ready (iqu, qa)",
    "Your old S3 key is about to end (iqu)",
)


def mail(address: str, subject: str, audience: Audience) -> Notice:
    return Notice(Channel.MAIL, address, "Text.", subject, audience=audience)


ABOUT_A_LOAD = (
    Notice(Channel.CALLBACK, "https://iqu.example/done", "{}", audience=Audience.CUSTOMER),
    mail("ada@iqu.example", "Not loaded: warehouse (iqu, qa)", Audience.CUSTOMER),
    mail(BOTH, "Not loaded: warehouse (iqu, qa)", Audience.CUSTOMER),
    mail("bob@iqu.example", "Not loaded: warehouse (iqu, qa)", Audience.CUSTOMER),
    mail("gone@alumniq.example", "Somebody was written to by hand", Audience.STAFF),
    *STAFF.notices("Not loaded: warehouse (iqu, qa)", "Text."),
    Notice(Channel.HEARTBEAT, "https://hc-ping.com/s3cret", "", audience=Audience.MONITOR),
)
ABOUT_AN_INCIDENT = (
    *expiry_notices(KEY, 7, PublicUrls.shared("https://feeds.example")),
    *(mail("ada@iqu.example", subject, Audience.CUSTOMER) for subject in S3_SUBJECTS),
    *STAFF.notices("An API key expires: iqu, qa", "Text."),
    mail("ops@alumniq.example", "3 alarms", Audience.STAFF),
)


def audiences(ledger: Ledger) -> Mapping[str, Audience]:
    wanted = select(notifications.c.id, notifications.c.audience)
    with ledger.database.reading() as connection:
        return {row.id: row.audience for row in connection.execute(wanted)}


@pytest.fixture
def before(ledger: Ledger, accept: Accept) -> Mapping[str, Audience]:
    """Save one notification of each kind, and return the audience of each."""
    ledger.loads.end(accept(notify_email=EMAILS).job_id, FAILED, ABOUT_A_LOAD, NOW)
    ledger.incidents.open(
        Condition(key="key", kind=Kind.KEY_EXPIRING, title="It ends", detail="Soon."), NOW
    )
    (incident,) = ledger.incidents.list_open()
    ledger.incidents.notify([incident.id], NOW, lambda _: ABOUT_AN_INCIDENT)
    return audiences(ledger)


def downgrade(ledger: Ledger, revision: str) -> None:
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), revision)


def test_every_notification_of_before_is_for_whom_it_was_written(
    ledger: Ledger, before: Mapping[str, Audience]
) -> None:
    assert set(before.values()) == set(Audience)
    assert len(before) == len(ABOUT_A_LOAD) + len(ABOUT_AN_INCIDENT)
    downgrade(ledger, "0007")
    ledger.migrate()
    assert audiences(ledger) == before


def test_more_mails_than_one_batch_are_all_migrated(ledger: Ledger, accept: Accept) -> None:
    mails = [
        mail("ada@iqu.example", f"Loaded: warehouse, time {n}", Audience.CUSTOMER)
        for n in range(2_100)
    ]
    ledger.loads.end(accept(notify_email=EMAILS).job_id, FAILED, mails, NOW)
    downgrade(ledger, "0007")
    ledger.migrate()
    assert set(audiences(ledger).values()) == {Audience.CUSTOMER}


def test_what_a_process_of_the_release_before_writes_is_shown_to_no_customer(
    ledger: Ledger, before: Mapping[str, Audience]
) -> None:
    columns = "job_id, channel, destination, subject, body, state, attempts, created_at"
    columns += ", next_attempt_at"
    with ledger.database.writing() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO notifications (id, {columns}) "
            f"SELECT 'msg_old', {columns} FROM notifications WHERE channel = 'callback'"
        )
    assert audiences(ledger) == {**before, "msg_old": Audience.STAFF}
