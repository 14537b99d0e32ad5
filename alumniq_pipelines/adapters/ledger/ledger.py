"""The ledger as a whole: one database, one object per noun."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from alumniq_pipelines.adapters.ledger.acceptance import LoadWriter
from alumniq_pipelines.adapters.ledger.attempts import Attempts
from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.customers import Customers
from alumniq_pipelines.adapters.ledger.database import Database, setup_problems_shown
from alumniq_pipelines.adapters.ledger.health_queries import HealthQueries
from alumniq_pipelines.adapters.ledger.holds import Holds
from alumniq_pipelines.adapters.ledger.host_values import HostValues
from alumniq_pipelines.adapters.ledger.incidents import Incidents
from alumniq_pipelines.adapters.ledger.keys import ApiKeys
from alumniq_pipelines.adapters.ledger.load_numbers import LoadNumbers
from alumniq_pipelines.adapters.ledger.load_queue import LoadQueue
from alumniq_pipelines.adapters.ledger.loads import Loads
from alumniq_pipelines.adapters.ledger.notifications import Notifications
from alumniq_pipelines.adapters.ledger.revision import foreign_revision, is_usable, revision_of
from alumniq_pipelines.adapters.ledger.sensor_ticks import SensorTicks
from alumniq_pipelines.adapters.ledger.sessions import Sessions
from alumniq_pipelines.adapters.ledger.signing import SigningSalts
from alumniq_pipelines.adapters.ledger.staff_accounts import StaffAccounts
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.adapters.ledger.unknown_runs import UnknownRuns
from alumniq_pipelines.adapters.ledger.versions import Versions
from alumniq_pipelines.adapters.ledger.watches import Watches


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The control database. All methods raise LedgerUnavailable if the database is unavailable."""

    database: Database
    customers: Customers
    keys: ApiKeys
    loads: Loads
    numbers: LoadNumbers
    attempts: Attempts
    queue: LoadQueue
    holds: Holds
    versions: Versions
    notifications: Notifications
    signing: SigningSalts
    staff: StaffAccounts
    sessions: Sessions
    watches: Watches
    incidents: Incidents
    health: HealthQueries
    unknown_runs: UnknownRuns
    ticks: SensorTicks
    host_values: HostValues
    audit: AuditTrail

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a ledger by SQLAlchemy URL (`sqlite:///…` or `postgresql+psycopg://…`).

        It connects only when it is first used. Raises UnusableLedgerUrl.
        """
        database = Database.open(url)
        audit = AuditTrail(database)
        return cls(
            database=database,
            customers=Customers(database, audit),
            keys=ApiKeys(database, audit),
            loads=Loads(database, LoadWriter(database), audit),
            numbers=LoadNumbers(database),
            attempts=Attempts(database),
            queue=LoadQueue(database),
            holds=Holds(database, audit),
            versions=Versions(database),
            notifications=Notifications(database, audit),
            signing=SigningSalts(database, audit),
            staff=StaffAccounts(database, audit),
            sessions=Sessions(database),
            watches=Watches(database, audit),
            incidents=Incidents(database),
            health=HealthQueries(database),
            unknown_runs=UnknownRuns(database),
            ticks=SensorTicks(database),
            host_values=HostValues(database),
            audit=audit,
        )

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, to inspect the tables."""
        return self.database.engine

    def migrate(self) -> None:
        """Upgrade the tables to the newest revision; harmless to repeat and to run in parallel.

        Raises ForeignRevision if a newer release has upgraded them, and DatabaseProblem if the
        database is not set up as it must be.
        """
        with setup_problems_shown():
            if self.database.exists() and self._revision() == REVISION:
                return
        # Imported here, since most processes never migrate and start faster without Alembic.
        from alumniq_pipelines.adapters.ledger.schema_upgrade import migrate  # noqa: PLC0415

        with setup_problems_shown():
            migrate(self.database)

    def ping(self) -> None:
        """Check that the database responds, has our revision and can be written.

        Raises DatabaseProblem if it is not set up as it must be.
        """
        self.check_revision()
        self.database.check_writable()

    def check_revision(self) -> None:
        """Raise ForeignRevision unless this release may use the tables as they are."""
        with setup_problems_shown(), self.database.reading() as connection:
            found = revision_of(connection)
            usable = is_usable(connection, found)
        if not usable:
            raise foreign_revision(found)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _revision(self) -> str | None:
        with self.database.reading() as connection:
            return revision_of(connection)
