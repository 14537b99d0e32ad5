"""Accepting loads: the one statement that every caller of the gateway waits for."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.gathering import Gathering
from alumniq_pipelines.adapters.ledger.load_rows import GIVEN, load_of, row_of
from alumniq_pipelines.adapters.ledger.prepared import Prepared
from alumniq_pipelines.adapters.ledger.tables import customers, loads
from alumniq_pipelines.core.load import Load
from alumniq_pipelines.core.problems.command import UnknownCustomer


class Acceptance:
    """Keeps new loads; those of several callers share a commit."""

    def __init__(self, database: Database) -> None:
        """Begin with nobody waiting."""
        self.database = database
        self._gathering: Gathering[Load, int] = Gathering(self._write)

    def keep(self, load: Load) -> Load:
        """Keep a load and answer it with its number; it is on disk then. Raises UnknownCustomer.

        Where another load has its idempotency key, that one is the answer.
        """
        try:
            return replace(load, number=self._gathering.add(load))
        except IntegrityError:
            self._refuse_unknown(load.target.customer)
            earlier = self.named(load.request.idempotency_key or "")
            if earlier is None:
                raise
            return earlier

    def named(self, idempotency_key: str) -> Load | None:
        """Find the load that was accepted under an idempotency key."""
        wanted = select(loads).where(loads.c.idempotency_key == idempotency_key)
        with self.database.reading() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        return None if row is None else load_of(row)

    def _write(self, new: Sequence[Load]) -> Sequence[int]:
        # One statement by itself is a transaction: it needs neither BEGIN nor COMMIT.
        lend = self.database.writing if len(new) > 1 else self.database.writing_once
        with lend() as connection:
            return [self._insert.rows(connection, row_of(each))[0][0] for each in new]

    @cached_property
    def _insert(self) -> Prepared:
        return Prepared.of(
            insert(loads).returning(loads.c.number), self.database.engine.dialect, GIVEN
        )

    def _refuse_unknown(self, customer: str) -> None:
        with self.database.reading() as connection:
            if connection.scalar(select(customers.c.id).where(customers.c.id == customer)) is None:
                raise UnknownCustomer(customer) from None
