"""How the changes and the hold of a load are printed, as text and as JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from alumniq_pipelines.cli.console import format_time
from alumniq_pipelines.core.loads.diff import format_changes
from alumniq_pipelines.core.loads.hold import Hold, commands
from alumniq_pipelines.core.loads.load import Load, LoadState


def change_lines(load: Load) -> Iterator[str]:
    """Yield the lines on what the load changed, or would have changed, in the live version."""
    if load.changes is not None:
        rows, *columns = format_changes(load.changes)
        yield f"Changes: {rows}"
        yield from columns


def waiting_lines(load: Load, hold: Hold | None) -> Iterator[str]:
    """Yield the lines on why a load is held, until when, and the commands to decide on it."""
    if hold is None or load.state is not LoadState.HELD:
        return
    yield from (f"Held: {reason}" for reason in hold.reasons)
    yield f"Decide by {format_time(hold.expires_at)}:"
    yield from (f"  {command}" for command in commands(load.job_id))


def hold_events(hold: Hold | None) -> Iterator[tuple[datetime, str]]:
    """Yield the decision on a hold; that it was held is an event of its attempt."""
    if hold is not None and hold.decided_at is not None:
        why = f": {hold.reason}" if hold.reason else ""
        yield hold.decided_at, f"{hold.decision} by {hold.actor}{why}"


def hold_to_json(hold: Hold | None) -> dict[str, Any] | None:
    """Serialize a hold, without its field map and rows."""
    if hold is None:
        return None
    return {
        "reasons": list(hold.reasons),
        "held_at": hold.held_at,
        "expires_at": hold.expires_at,
        "decision": hold.decision,
        "decided_at": hold.decided_at,
        "actor": hold.actor,
        "reason": hold.reason,
    }
