"""The audience of a notification: a customer, staff or a monitor."""

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

WORD = sa.String(20)
BATCH = 1_000

NOTIFICATIONS = sa.table(
    "notifications",
    sa.column("id", sa.String),
    sa.column("job_id", sa.String),
    sa.column("channel", sa.String),
    sa.column("destination", sa.String),
    sa.column("subject", sa.String),
    sa.column("audience", sa.String),
)
LOADS = sa.table("loads", sa.column("job_id", sa.String), sa.column("notify_email", sa.String))

STAFF_SUBJECT = "Staff: %"
"""How every mail to staff begins: an address of theirs may be among a customer's own, too."""
KEY_SUBJECTS = (
    "Your API key expires in %",
    "A new S3 key is ready (%",
    "Your old S3 key is about to end (%",
)
"""The mails that customers got about keys: they are of incidents, as those to staff are."""


def upgrade() -> None:
    """Add the column and derive each notification's audience; it is staff if that is uncertain.

    Callbacks are for customers, heartbeats for monitors, chat messages for staff. A mail is
    recognized by its subject; one about a load, by an address that the load's customer named.
    """
    op.add_column(
        "notifications", sa.Column("audience", WORD, nullable=False, server_default="staff")
    )
    table = NOTIFICATIONS.c
    _give("customer", table.channel == "callback")
    _give("monitor", table.channel == "heartbeat")
    about_keys = sa.or_(*(table.subject.like(subject) for subject in KEY_SUBJECTS))
    _give("customer", table.channel == "mail", table.job_id.is_(None), about_keys)
    for ids in _mails_to_customers():
        _give("customer", table.id.in_(ids))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("notifications", "audience")


def _give(audience: str, *conditions: sa.ColumnElement[bool]) -> None:
    op.execute(sa.update(NOTIFICATIONS).where(*conditions).values(audience=audience))


def _mails_to_customers() -> Iterator[Sequence[str]]:
    """Find the mails about loads that went to who was named with the load, some at a time."""
    table, connection, last = NOTIFICATIONS.c, op.get_bind(), ""
    wanted = (
        sa.select(table.id, table.destination, LOADS.c.notify_email)
        .join(LOADS, LOADS.c.job_id == table.job_id)
        .where(table.channel == "mail", ~table.subject.like(STAFF_SUBJECT))
        .order_by(table.id)
        .limit(BATCH)
    )
    while rows := connection.execute(wanted.where(table.id > last)).all():
        last = rows[-1].id
        yield [row.id for row in rows if row.destination in _addresses(row.notify_email)]


def _addresses(emails: str) -> set[str]:
    """Take apart what was given as one or several addresses."""
    return {part.strip() for part in re.split("[,;]", emails)}
