"""The notices about a load that is held: to its customer, and to the staff who decide on it."""

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.diff import format_changes
from alumniq_pipelines.core.loads.hold import Hold, commands
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
from alumniq_pipelines.core.notifications.load_outcome import (
    feed_label,
    format_counts,
    load_details,
    page_line,
)
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.notifications.text import bullet_list, paragraphs
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence


def held_notices(
    load: Load, hold: Hold, staff: Staff, public_urls: PublicUrls, live: LiveData
) -> tuple[Notice, ...]:
    """Return the notices that a load is held: a mail to each address of its customer, and staff's.

    There is no callback: the contract has exactly one, with the outcome, which follows. `live` is
    what the customer's readers see meanwhile.
    """
    text = _customer_text(load, hold, live)
    text += page_line(load, public_urls.of(load.target.environment))
    staff_text = _staff_text(load, hold) + page_line(load, public_urls.staff)
    return (
        *(
            Notice(
                channel=Channel.MAIL,
                destination=address,
                body=text,
                subject=f"Awaiting approval: {feed_label(load)}",
                audience=Audience.CUSTOMER,
            )
            for address in addresses_in(load.request.notify_email)
        ),
        *staff.notices(f"Held: {feed_label(load)}", staff_text),
    )


def _customer_text(load: Load, hold: Hold, live: LiveData) -> str:
    return paragraphs(
        f"{load.request.filename} was checked but is not published yet, because of what it would "
        f"change. {live_sentence(live)}",
        bullet_list("Why it is awaiting approval", hold.reasons),
        bullet_list("What it would change", format_changes(hold.changes)),
        f"What happens next: our staff will decide by {_until(hold)}. If they do not approve the "
        "load by then, it fails and is not published. You will be notified of the outcome.",
        "What to do: if these changes are correct, please let us know. If they are not, fix this "
        f"in your source system, upload the file again and call the {load.target.feed} webhook "
        "again.",
        format_counts(hold.counts, "Rows accepted"),
        load_details(load),
    )


def _staff_text(load: Load, hold: Hold) -> str:
    return paragraphs(
        f"{load.request.filename} was checked but not published, because of what it would change "
        "in the live version. It is awaiting your approval; without a decision, it fails.",
        bullet_list("Why it is held", hold.reasons),
        bullet_list("What it would change", format_changes(hold.changes)),
        bullet_list(f"What to do by {_until(hold)}", commands(load.job_id)),
        f"Job id: {load.job_id}\nFile: {load.request.filename}\nCustomer: {load.target.customer}",
    )


def _until(hold: Hold) -> str:
    return f"{hold.expires_at:%Y-%m-%d %H:%M} UTC"
