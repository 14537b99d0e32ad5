"""Publishing in an attempt at a load: what is recorded of it before the pointer moves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import CheckResult
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.load_result import Published
from alumniq_pipelines.core.loads.outcome import CheckRecord
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, Version, Warehouse

BeforePublish = Callable[[CheckRecord, Receipt | None], None]
"""Records the check result and the receipt of a file before it is published; an exception ends the
attempt.
"""


def record_nothing(check: CheckRecord, receipt: Receipt | None) -> None:
    """Record nothing before publishing: for loads that no ledger knows of."""
    del check, receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """How an attempt at a load publishes, if it comes to that."""

    warehouse: Warehouse
    load: Load
    attempt: int
    before_publish: BeforePublish
    now: datetime

    def publish(
        self,
        field_map: FieldMap,
        accepted: AcceptedRows,
        check: CheckRecord,
        receipt: Receipt | None,
    ) -> Version:
        """Publish accepted rows under the token of the attempt."""

        # Everything that notifications report is recorded before the pointer moves: it must survive
        # a crash right after that.
        def record_check() -> None:
            self.before_publish(check, receipt)

        return self.warehouse.publish(
            self.load.target,
            field_map,
            accepted,
            number=self.load.number,
            job_id=self.load.job_id,
            now=self.now,
            attempt=self.attempt,
            before_pointer_moves=record_check,
        )


def find_published_result(load: Load, check: CheckRecord, warehouse: Warehouse) -> Published | None:
    """Return the result of a load that an attempt published before it was cut off, as recorded.

    None if no attempt published. A published version need not be live: a later load or a rollback
    may have moved the pointer since.
    """
    own = warehouse.live(load.target)
    if own is None or own.job_id != load.job_id:
        versions = {version.job_id: version for version in warehouse.versions(load.target)}
        own = versions.get(load.job_id)
    if own is None:
        return None
    check_result = CheckResult(check.counts, causes=check.causes, warnings=check.warnings)
    return Published(check_result=check_result, version=own, changes=check.changes)
