"""The timeline of a load: its events in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.notification import channel_facts, format_result
from webhook_gateway.services.load_queries import LoadDetail

Mood = Literal["good", "bad", "plain"]

ATTEMPT_ENDED: dict[AttemptResult, tuple[str, Mood]] = {
    AttemptResult.PUBLISHED: ("published a new version", "good"),
    AttemptResult.UNCHANGED: (
        "found the same file as in the live version and changed nothing",
        "good",
    ),
    AttemptResult.HELD: ("found more changes than are published without approval", "plain"),
    AttemptResult.CHECKED: (
        "checked the file and published nothing, because this is a dry run",
        "good",
    ),
    AttemptResult.WOULD_BE_HELD: (
        "found more changes than are published without approval (a dry run holds nothing)",
        "plain",
    ),
    AttemptResult.SUPERSEDED: ("found that the same file is live already, by a later load", "good"),
    AttemptResult.OVERTAKEN: ("found that a file accepted later is already live", "plain"),
    AttemptResult.REFUSED: ("refused the file", "bad"),
    AttemptResult.OUTAGE: ("failed because of a problem on our side", "bad"),
    AttemptResult.MISCONFIGURED: ("failed because of a mistake in our configuration", "bad"),
    AttemptResult.LOST: ("was interrupted by a problem on our side", "bad"),
    AttemptResult.STOPPED: ("was stopped", "plain"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """An event in the life of a load."""

    at: datetime
    title: str
    mood: Mood = "plain"


def timeline(detail: LoadDetail) -> Sequence[Event]:
    """List the events of a load, oldest first."""
    load = detail.load
    events = [Event(load.accepted_at, "Accepted")]
    for attempt in detail.attempts:
        if attempt.started_at:
            events.append(Event(attempt.started_at, f"Attempt {attempt.number} started"))
        if attempt.ended_at and attempt.result:
            title, mood = ATTEMPT_ENDED[attempt.result]
            events.append(Event(attempt.ended_at, f"Attempt {attempt.number} {title}", mood))
    if load.ended_at:
        succeeded = load.state is LoadState.SUCCEEDED
        events.append(Event(load.ended_at, f"Load {load.state}", "good" if succeeded else "bad"))
    for history in detail.notifications:
        channel = history.notification.notice.channel
        label = channel_facts(channel).label
        for at, result in history.delivery_attempts:
            how = format_result(channel, result)
            events.append(
                Event(at, f"{label} delivered ({how})", "good")
                if result.delivered
                else Event(at, f"{label} not delivered: {how}", "bad")
            )
    return sorted(events, key=lambda event: event.at)
