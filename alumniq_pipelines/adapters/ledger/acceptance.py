"""Saving accepted loads: the one statement that every caller of the gateway waits for."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.group_commit import GroupCommit
from alumniq_pipelines.adapters.ledger.load_rows import INSERT_COLUMNS, load_of, row_of
from alumniq_pipelines.adapters.ledger.prepared_statements import PreparedStatement
from alumniq_pipelines.adapters.ledger.tables import customers, loads
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.problems.command import UnknownCustomer
from alumniq_pipelines.core.problems.problem import OutageProblem

MAX_ROWS = 64
"""Of a statement: SQLite takes at most 32,766 parameters."""


class LoadWriter:
    """Saves new loads; those of several callers share a commit."""

    def __init__(self, database: Database) -> None:
        """Start with an empty queue."""
        self.database = database
        self._group_commit: GroupCommit[Load, int] = GroupCommit(self._write, max_entries=MAX_ROWS)
        self._statements: dict[int, PreparedStatement] = {}

    def save(self, new: Sequence[Load]) -> Sequence[Load | Exception]:
        """Save loads and return each with its number, once it is on disk.

        Where an earlier load has the same idempotency key, that one is returned. Instead of a load
        that could not be saved, the error is returned: UnknownCustomer or an outage.
        """
        results: list[Load | Exception] = []
        for load, number in zip(new, self._group_commit.add(new), strict=True):
            try:
                results.append(self._numbered(load, number))
            except (OutageProblem, UnknownCustomer, SQLAlchemyError) as error:
                # Returned, not raised: the other loads of this call may be on disk already.
                results.append(error)
        return results

    def save_in_transaction(self, connection: Connection, load: Load) -> Load:
        """Save one load in the caller's transaction and return it with its number."""
        (number,) = self._insert(connection, [load])
        return replace(load, number=number)

    def _numbered(self, load: Load, number: Future[int]) -> Load:
        """Return a load with its number, or the earlier one with its idempotency key."""
        try:
            return replace(load, number=number.result())
        except IntegrityError:
            # The driver's message alone says which constraint refused it, so both are checked.
            is_customer = select(customers.c.id).where(customers.c.id == load.target.customer)
            with self.database.reading() as connection:
                if connection.scalar(is_customer) is None:
                    raise UnknownCustomer(load.target.customer) from None
            earlier = self.by_idempotency_key(load.request.idempotency_key or "")
            if earlier is None:  # neither: a fault of ours
                raise
            return earlier

    def by_idempotency_key(self, idempotency_key: str) -> Load | None:
        """Return the load that was accepted under an idempotency key."""
        query = select(loads).where(loads.c.idempotency_key == idempotency_key)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else load_of(row)

    def _write(self, new: Sequence[Load]) -> Sequence[int]:
        # A single statement is a transaction by itself: without BEGIN and COMMIT it is faster.
        with self.database.writing_once() as connection:
            return self._insert(connection, new)

    def _insert(self, connection: Connection, new: Sequence[Load]) -> Sequence[int]:
        """Insert loads by one statement and return their numbers."""
        values = {
            f"{name}_m{index}": value
            for index, load in enumerate(new)
            for name, value in row_of(load).items()
        }
        # By job id, because no engine promises that RETURNING keeps the order of the rows.
        rows = self._statement(len(new)).rows(connection, values)
        numbers = {job_id: number for job_id, number in rows}  # noqa: C416 - rows have no type
        return [numbers[load.job_id] for load in new]

    def _statement(self, size: int) -> PreparedStatement:
        """Return the INSERT of so many loads; its parameters are numbered by load, from _m0."""
        if size not in self._statements:
            statement = insert(loads).values([dict.fromkeys(INSERT_COLUMNS)] * size)
            self._statements[size] = PreparedStatement.of(
                statement.returning(loads.c.job_id, loads.c.number), self.database.engine.dialect
            )
        return self._statements[size]
