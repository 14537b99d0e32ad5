"""The notices to staff when incidents are opened, and when they are resolved."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from alumniq_pipelines.core.monitoring.duration import format_duration
from alumniq_pipelines.core.monitoring.incident import Incident
from alumniq_pipelines.core.notifications.notification import Notice
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.notifications.text import bullet_list, paragraphs

MAX_LISTED = 50


def opened_notices(incidents: Sequence[Incident], staff: Staff) -> tuple[Notice, ...]:
    """Return the notices of new incidents: a single one in full, several as one list."""
    if not incidents:
        return ()
    if len(incidents) > 1:
        lines = [
            f"{incident.condition.title}. {incident.condition.detail}" for incident in incidents
        ]
        return staff.notices(f"{len(incidents)} new incidents", _limited_list("New", lines))
    [incident] = incidents
    condition = incident.condition
    advice = f"What to do: {condition.advice}" if condition.advice else ""
    since = f"Opened: {_utc(incident.opened_at)}"
    return staff.notices(condition.title, paragraphs(condition.detail, advice, since))


def closed_notices(incidents: Sequence[Incident], staff: Staff) -> tuple[Notice, ...]:
    """Return the notices that incidents are resolved, and how long each lasted."""
    if not incidents:
        return ()
    lines = []
    for incident in incidents:
        lasted = (incident.closed_at or incident.opened_at) - incident.opened_at
        duration = format_duration(max(lasted, timedelta()))  # clocks may be set back meanwhile
        lines.append(f"{incident.condition.title}: resolved after {duration}")
    if len(incidents) > 1:
        return staff.notices(
            f"{len(incidents)} incidents resolved", _limited_list("Resolved", lines)
        )
    [incident] = incidents
    times = f"Opened: {_utc(incident.opened_at)}\nResolved: {_utc(incident.closed_at)}"
    return staff.notices(f"Resolved: {incident.condition.title}", paragraphs(f"{lines[0]}.", times))


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _limited_list(heading: str, lines: Sequence[str]) -> str:
    left_out = len(lines) - MAX_LISTED
    more = [f"and {left_out} more: alumniq watch incidents"] if left_out > 0 else []
    return bullet_list(heading, [*lines[:MAX_LISTED], *more]) + "\n"
