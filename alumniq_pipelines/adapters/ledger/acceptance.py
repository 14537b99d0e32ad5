"""Saving accepted loads: the one statement that every caller of the gateway waits for."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property

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


class LoadWriter:
    """Saves new loads; those of several callers share a commit."""

    def __init__(self, database: Database) -> None:
        """Start with an empty queue."""
        self.database = database
        self._group_commit: GroupCommit[Load, int] = GroupCommit(self._write)

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
        ((number,),) = self._insert.rows(connection, row_of(load))
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
        connect = self.database.writing if len(new) > 1 else self.database.writing_once
        with connect() as connection:
            return [self._insert.rows(connection, row_of(load))[0][0] for load in new]

    @cached_property
    def _insert(self) -> PreparedStatement:
        return PreparedStatement.of(
            insert(loads).returning(loads.c.number), self.database.engine.dialect, INSERT_COLUMNS
        )
