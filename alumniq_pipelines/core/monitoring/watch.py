"""A watch: what is expected of a target and by when."""

from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule


@dataclass(frozen=True, slots=True)
class Watch:
    """The watch on a target; there is one at most.

    Nothing is expected before `since`, when its schedule was set, nor before `snoozed_until`.
    `heartbeat_url` is an external dead man's switch that is called for every load.
    """

    target: Target
    schedule: DeliverySchedule
    since: datetime
    snoozed_until: datetime | None = None
    heartbeat_url: str = ""
