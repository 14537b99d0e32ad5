"""The use case: delete what the ledger no longer needs; harmless to repeat and to interrupt.

What stays, however old it is: unfinished loads, loads of stored versions, the newest loads and
successes of each table, with which schedules, baselines and the pages work, loads with a pending
notification, open incidents, and rollbacks in the audit trail.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from alumniq_pipelines.adapters.ledger.expired_rows import ExpiredRows
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Warehouse

LOADS_PER_TRANSACTION = 50
"""Deleting one takes about 0.2 ms, with its notifications and the rest."""
LOADS_PER_LOOK = 500
ROWS_PER_TRANSACTION = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRound:
    """What one part of a round has deleted; the next part goes on behind the target `after`."""

    deleted: Mapping[str, int]
    after: Target | None
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRetention:
    """Deletes old rows. Raises OutageProblem if ledger or warehouse are unavailable."""

    rows: ExpiredRows
    warehouse: Warehouse
    load_retention: timedelta
    audit_retention: timedelta

    def prune(self, now: datetime, after: Target | None, seconds: float) -> LedgerRound:
        """Delete for some seconds, table by table behind a target; at least of one table."""
        deadline = time.monotonic() + seconds
        before = now - self.load_retention
        deleted: Counter[str] = Counter()
        if after is None:
            deleted += self._prune_others(now, deadline)
        while (target := self.rows.next_target(after)) is not None:
            if not self._prune_target(target, before, deadline, deleted):
                return LedgerRound(deleted=deleted, after=after, is_over=False)
            after = target
            if time.monotonic() > deadline:
                return LedgerRound(deleted=deleted, after=after, is_over=False)
        return LedgerRound(deleted=deleted, after=None, is_over=True)

    def _prune_others(self, now: datetime, deadline: float) -> Counter[str]:
        """Delete incidents and entries of the audit trail."""
        before, limit = now - self.load_retention, ROWS_PER_TRANSACTION
        deleted: Counter[str] = Counter()
        audited_before = now - self.audit_retention
        for name, delete in (
            ("incidents", partial(self.rows.delete_incidents, before, limit)),
            ("audit entries", partial(self.rows.delete_audit_entries, audited_before, limit)),
        ):
            while count := delete():
                deleted[name] += count
                if count < limit or time.monotonic() > deadline:
                    break
        return deleted

    def _prune_target(
        self, target: Target, before: datetime, deadline: float, deleted: Counter[str]
    ) -> bool:
        """Delete old loads of a target; False if there was not enough time for all of them."""
        number, stored = 0, None
        while found := self.rows.expired_loads(target, before, after=number, limit=LOADS_PER_LOOK):
            if stored is None:
                stored = {version.job_id for version in self.warehouse.versions(target)}
            for start in range(0, len(found), LOADS_PER_TRANSACTION):
                batch = found[start : start + LOADS_PER_TRANSACTION]
                number = batch[-1][0]
                job_ids = [job_id for _, job_id in batch if job_id not in stored]
                deleted["loads"] += self.rows.delete_loads(target, job_ids)
                if time.monotonic() > deadline:
                    return False
        return True
