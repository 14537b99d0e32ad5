"""The timeline of a load: what happened to it, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.notification import channel_facts
from webhook_gateway.services.load_queries import LoadDetail

Mood = Literal["good", "bad", "plain"]

ATTEMPT_ENDED: dict[AttemptResult, tuple[str, Mood]] = {
    AttemptResult.PUBLISHED: ("published a new version", "good"),
    AttemptResult.UNCHANGED: ("found the bytes of the live version, and changed nothing", "good"),
    AttemptResult.HELD: ("found more changes than may pass without a person", "plain"),
    AttemptResult.CHECKED: ("judged the file and, as asked, published nothing", "good"),
    AttemptResult.SUPERSEDED: ("found a newer load live already", "good"),
    AttemptResult.REFUSED: ("found the file at fault", "bad"),
    AttemptResult.OUTAGE: ("met a fault of ours", "bad"),
    AttemptResult.MISCONFIGURED: ("met a mistake in our set-up", "bad"),
    AttemptResult.LOST: ("was cut off; a fault of ours", "bad"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a load."""

    at: datetime
    title: str
    mood: Mood = "plain"


def timeline(detail: LoadDetail) -> Sequence[Event]:
    """List what happened to a load, oldest first."""
    return sorted(_events(detail), key=lambda event: event.at)


def _events(detail: LoadDetail) -> Iterator[Event]:
    load = detail.load
    yield Event(load.accepted_at, "Accepted")
    for attempt in detail.attempts:
        if attempt.started_at:
            yield Event(attempt.started_at, f"Attempt {attempt.number} began")
        if attempt.ended_at and attempt.result:
            title, mood = ATTEMPT_ENDED[attempt.result]
            yield Event(attempt.ended_at, f"Attempt {attempt.number} {title}", mood)
    if load.ended_at:
        succeeded = load.state is LoadState.SUCCEEDED
        yield Event(load.ended_at, f"Ended: {load.state}", "good" if succeeded else "bad")
    for history in detail.notifications:
        what = channel_facts(history.notification.notice.channel).label
        for at, result in history.delivery_attempts:
            title = f"{what} delivered" if result.delivered else f"{what} not delivered"
            yield Event(at, f"{title} ({result.detail})", "good" if result.delivered else "bad")
