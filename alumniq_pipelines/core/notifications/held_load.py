"""The notice to staff about a load that is held until it is approved or discarded."""

from alumniq_pipelines.core.loads.diff import format_changes
from alumniq_pipelines.core.loads.hold import Hold, commands
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.notifications.notification import Notice
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.notifications.text import bullet_list


def held_notices(load: Load, hold: Hold, staff: Staff, gateway_url: str) -> tuple[Notice, ...]:
    """Return the notices to staff. The customer is notified of the outcome only."""
    target, until = load.target, f"{hold.expires_at:%Y-%m-%d %H:%M} UTC"
    subject = f"Held: {target.feed} ({target.customer}, {target.environment})"
    summary = (
        f"{load.request.filename} was checked but not published, because of what it would change "
        "in the live version. It is awaiting your approval; without a decision, it fails."
    )
    text = "\n\n".join(
        (
            summary,
            bullet_list("Why it is held", hold.reasons),
            bullet_list("What it would change", format_changes(hold.changes)),
            bullet_list(f"What to do by {until}", commands(load.job_id)),
            f"Job id: {load.job_id}\nFile: {load.request.filename}\nCustomer: {target.customer}",
        )
    )
    page = f"Page: {gateway_url}/loads/{load.job_id}"
    return staff.notices(subject, f"{text}\n{page}\n")
