"""A held load that is decided while a backup is made: its rows are deleted then."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.backup_file import create_backup
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.duckdb.backup import DuckDBBackup
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.archive import HELD, Archive, ArchivedFile
from alumniq_pipelines.core.loads.backup import Manifest
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.services.backup import Backup
from alumniq_pipelines.services.load_actions import discard
from tests.counterparts.restored_system import (
    KEPT,
    PUBLIC_URLS,
    SqliteStore,
    System,
    add_customer,
)


@dataclass(frozen=True)
class BusyArchive:
    """An archive in which something happens right before held rows are read."""

    stored: Archive
    meanwhile: Callable[[], None]

    def put(self, name: str, file: Path, *, durably: bool = False) -> None:
        """Store a file."""
        self.stored.put(name, file, durably=durably)

    def get(self, name: str, destination: Path) -> bool:
        """Copy a stored file, once something has happened."""
        if name.startswith(HELD):
            self.meanwhile()
        return self.stored.get(name, destination)

    def remove(self, name: str) -> None:
        """Delete a file."""
        self.stored.remove(name)

    def list_files(self, prefix: str) -> Iterable[ArchivedFile]:
        """List files."""
        return self.stored.list_files(prefix)


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A system with a load that is held."""
    add_customer(SqliteStore(tmp_path).url)
    made = System(tmp_path, SqliteStore(tmp_path), DuckDBWarehouse(tmp_path / "warehouse", KEPT))
    made.play("load a, hold b")
    return made


def back_up(system: System, meanwhile: Callable[[], None]) -> Manifest:
    """Take a backup of a system."""
    assert isinstance(system.warehouse, DuckDBWarehouse)
    with create_backup(system.folder / "a.backup", lambda _: None, force=False) as into:
        return Backup(
            ledger=system.ledger,
            warehouse=DuckDBBackup(system.warehouse),
            archive=BusyArchive(system.archive, meanwhile),
            buckets=system.buckets,
            keys={},
            field_maps=system.folder / "field-maps",
            release="0",
            clock=lambda: datetime.now(UTC),
        ).write(into, system.folder)


def copied_state(system: System, name: str) -> LoadState:
    """Return the state of a load in the copy of the ledger."""
    with closing(Ledger.open(f"sqlite:///{system.folder / 'ledger' / 'ledger.db'}")) as copy:
        load = copy.loads.get(system.names[name])
        assert load is not None
        return load.state


def test_the_rows_of_a_load_that_is_held_are_in_the_backup(system: System) -> None:
    manifest = back_up(system, lambda: None)
    [rows] = [name for name in manifest.members if name.startswith(f"archive/{HELD}")]
    assert system.names["b"] in rows
    assert (manifest.missing, copied_state(system, "b")) == ((), LoadState.HELD)


def test_a_load_that_is_discarded_meanwhile_is_discarded_in_the_backup(system: System) -> None:
    def discard_b() -> None:
        if any(system.archive.list_files(HELD)):
            job_id, now = system.names["b"], system.clock()
            discard(system.ledger, job_id, "Wrong.", "pat", now, public_urls=PUBLIC_URLS)
            system.lose_held_rows()

    manifest = back_up(system, discard_b)
    assert (manifest.missing, copied_state(system, "b")) == ((), LoadState.FAILED)


def test_rows_that_are_lost_for_good_are_named(system: System) -> None:
    system.lose_held_rows()
    manifest = back_up(system, lambda: None)
    [missing] = manifest.missing
    assert missing.startswith(f"archive/{HELD}{system.names['b']}")
