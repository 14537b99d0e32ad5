"""What a load attempt depends on."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """What a load attempt depends on; its process `is_interrupted` once it is to stop."""

    ledger: Ledger
    buckets: Buckets
    warehouse: Warehouse
    scratch: Path
    archive: Archive
    clock: Clock
    log: logging.Logger
    public_urls: PublicUrls
    hold_duration: timedelta = timedelta(days=7)
    retry_wait: timedelta = timedelta(seconds=30)
    staff: Staff = NO_STAFF
    report_rows: int = 0
    limits: Limits = DEFAULT_LIMITS
    is_interrupted: Callable[[], bool] = lambda: False
