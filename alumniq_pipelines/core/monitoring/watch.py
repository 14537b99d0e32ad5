"""A watch: what is expected of a target and by when, and who outside is told of its loads."""

from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule


@dataclass(frozen=True, slots=True)
class Watch:
    """The watch on a target; there is one at most.

    Nothing is expected before `since`, when its rhythm was set, nor before `snoozed_until`.
    `heartbeat_url` is a dead man's switch elsewhere that is told of every load.
    """

    target: Target
    schedule: DeliverySchedule
    since: datetime
    snoozed_until: datetime | None = None
    heartbeat_url: str = ""
