"""Dagster's runs of loads that the ledger does not know: it was restored from an older backup.

A sensor records them, so that a command need not open Dagster's storage to find them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.run_tables import unknown_runs
from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.core.loads.ledger_difference import RecordedRun


@dataclass(frozen=True)
class UnknownRuns:
    """The runs of unknown loads that were found so far."""

    database: Database

    def all(self) -> Sequence[RecordedRun]:
        """Return them, the newest first."""
        newest_first = select(unknown_runs).order_by(unknown_runs.c.requested_at.desc())
        with self.database.reading() as connection:
            return [RecordedRun(**row) for row in connection.execute(newest_first).mappings()]

    def add(self, runs: Sequence[RecordedRun]) -> int:
        """Record those whose load is unknown and which are not recorded yet; return how many."""
        if not runs:
            return 0
        job_ids = [run.job_id for run in runs]
        with self.database.reading() as connection:
            known = {
                *connection.scalars(select(loads.c.job_id).where(loads.c.job_id.in_(job_ids))),
                *connection.scalars(
                    select(unknown_runs.c.job_id).where(unknown_runs.c.job_id.in_(job_ids))
                ),
            }
        # Of a load that was requested several times, one run is enough.
        rows = {run.job_id: asdict(run) for run in runs if run.job_id not in known}
        if rows:
            statement = self.database.insert(unknown_runs).on_conflict_do_nothing()
            with self.database.writing() as connection:
                connection.execute(statement, list(rows.values()))
        return len(rows)
