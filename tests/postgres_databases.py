"""Databases of roles that are no superusers, as an installation uses them."""

import tempfile
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.cli.home import migrate, prepare_installation
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import Settings
from tests.accepted_rows import accepted_rows, small_field_map
from tests.servers.gateway import NOW
from tests.servers.postgres import PostgresServer

MEMBERS = Target("iqu", Environment.QA, "members")

_numbers = count(1)


@dataclass
class Database:
    """A database, and the role that we connect as, which owns it and is no superuser."""

    server: PostgresServer
    name: str
    role: str
    key: str = "unknown"

    @classmethod
    def create(cls, server: PostgresServer, encoding: str = "UTF8") -> "Database":
        """Create a database and its owner."""
        database = cls(server, f"campus_{next(_numbers)}", f"loader_{next(_numbers)}")
        database.run("create role {role} login", "postgres")
        database.run(
            "create database {database} owner {role} template template0 "
            f"encoding '{encoding}' lc_collate 'C' lc_ctype 'C'",
            "postgres",
        )
        return database

    @property
    def url(self) -> str:
        """The URL for SQLAlchemy and for us."""
        return self.server.url(self.name, self.role)

    def run(self, statements: str, where: str = "") -> None:
        """Run statements as a superuser."""
        with self.server.connect(where or self.name) as connection:
            connection.execute(statements.format(database=self.name, role=self.role).encode())

    def use(self) -> None:
        """Make it a ledger with a customer and a key, and a warehouse with a version."""
        with closing(Ledger.open(self.url)) as ledger:
            ledger.migrate()
            ledger.customers.add(Customer("iqu", "IQ", "iqu-feeds"), NOW)
            self.key, _ = ledger.keys.issue("iqu", Environment.QA, NOW)
        with tempfile.TemporaryDirectory() as scratch:
            publish(self, 0, Path(scratch), "select '1' as xid, 2::bigint as batch")


def set_up(settings: Settings) -> None:
    """Do what precedes the programs, as an operator does."""
    migrate(settings)
    prepare_installation(settings)


def publish(database: Database, number: int, scratch: Path, query: str) -> PostgresWarehouse:
    """Publish the rows of a query as the next version."""
    warehouse = PostgresWarehouse(database.url)
    warehouse.publish(
        MEMBERS,
        small_field_map("members"),
        accepted_rows(scratch, query),
        number=number,
        job_id=new_job_id(),
        now=NOW,
    )
    return warehouse
