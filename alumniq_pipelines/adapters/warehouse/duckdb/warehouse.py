"""The warehouse in DuckDB files: one per version, a link to the live one, a catalog of views."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from alumniq_pipelines.adapters.warehouse.duckdb import catalog_file, query, version_file
from alumniq_pipelines.adapters.warehouse.folders import (
    SUFFIX,
    NumberedFiles,
    create_folders,
    lock_folder,
)
from alumniq_pipelines.adapters.warehouse.version_facts import VersionFile, describe
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows, Version
from alumniq_pipelines.core.problems.command import NothingPublished, UnknownVersion
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.fault_points import FaultPoint, reach


@dataclass(frozen=True)
class DuckDBWarehouse:
    """Implements core's Warehouse below one folder."""

    folder: Path
    versions_kept: int = 5
    query_seconds: float = 300
    group: int | None = None
    """The group that may read the files."""

    def live(self, target: Target) -> Version | None:
        """Return the version that new readers see."""
        files = self._files(target)
        with _errors_as_outage():
            number = files.linked_number()
            return None if number is None else version_file.read([files.path(number)])[0].version

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Return the live version with its file, which is never written again."""
        del scratch, columns
        files = self._files(target)
        with _errors_as_outage():
            number = files.linked_number()
            if number is None:
                return None
            [found] = version_file.read([files.path(number)])
        return LiveRows(found.version, files.path(number), found.table)

    def publish(
        self,
        target: Target,
        field_map: FieldMap,
        accepted: AcceptedRows,
        *,
        number: int,
        job_id: JobId,
        now: datetime,
    ) -> Version:
        """Complete a new version and make it live; moves the file of accepted rows."""
        described = describe(target, field_map, accepted, number, job_id, now)
        files = self._files(target)
        with _errors_as_outage():
            self._create_folders(files.folder)
            with lock_folder(files.folder):
                live = self.live(target)
                # A repeated attempt finds its version live already and only finishes the links.
                if live is None or live.number < number:
                    _store(files, accepted, described)
                    reach(FaultPoint.VERSION_STORED)
                    live = described.version
                self._set_live(target, live.number, now)
                return live

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Make a stored version live; raises UnknownVersion."""
        files = self._files(target)
        with _errors_as_outage():
            retained = self._retained(files)
            if number not in retained:
                raise UnknownVersion(str(target), number, retained)
            with lock_folder(files.folder):
                self._set_live(target, number, now)
                return version_file.read([files.path(number)])[0].version

    def versions(self, target: Target) -> Sequence[Version]:
        """Return the stored versions, newest first."""
        files = self._files(target)
        with _errors_as_outage():
            paths = [files.path(number) for number in self._retained(files)]
            return [file.version for file in version_file.read(paths)]

    def query(
        self, customer: str, environment: str, sql: str, limit: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Run one SELECT over an environment's catalog; return column names and rows."""
        if not CUSTOMER_PATTERN.fullmatch(customer) or environment not in set(Environment):
            raise NothingPublished(customer, environment)
        catalog = self._environment(customer, environment) / f"catalog{SUFFIX}"
        if not catalog.exists():
            raise NothingPublished(customer, environment)
        with _errors_as_outage():
            return query.run(catalog, sql, max_rows=limit, seconds=self.query_seconds)

    def _environment(self, customer: str, environment: str) -> Path:
        """Return the folder of an environment."""
        return self.folder.absolute() / customer / environment

    def _files(self, target: Target) -> NumberedFiles:
        """Return the files of a target's versions."""
        folder = self._environment(target.customer, target.environment) / target.feed
        return NumberedFiles(folder, folder / f"live{SUFFIX}", self.group)

    def _create_folders(self, folder: Path) -> None:
        """Create a folder in the warehouse."""
        create_folders(folder, self.folder.absolute(), self.group)

    def _retained(self, files: NumberedFiles) -> Sequence[int]:
        """Return the numbers of the versions to keep, newest first, always with the live one."""
        numbers = files.numbers()
        live = files.linked_number()
        return [
            number
            for number in numbers
            if number in numbers[: self.versions_kept] or number == live
        ]

    def _set_live(self, target: Target, number: int, now: datetime) -> None:
        """Make a version live: write the new catalog, then move the two links.

        The target's link is authoritative. If the process ends between the two moves, the next
        publication in the environment, or the next attempt at this load, writes the catalog again.
        """
        files = self._files(target)
        folder = files.folder.parent
        catalog_link = folder / f"catalog{SUFFIX}"
        catalogs = NumberedFiles(folder / ".catalogs", catalog_link, self.group)
        self._create_folders(catalogs.folder)
        with lock_folder(folder):
            # By feed, so that the new live version replaces the current one. Without the file of a
            # link, the catalog lacks that feed only.
            links = folder.glob(f"*/live{SUFFIX}")
            live_files = {
                link.parent.name: link.parent / link.readlink() for link in links if link.exists()
            }
            live = {**live_files, target.feed: files.path(number)}.values()
            part = catalogs.folder / "new.part"
            catalog_file.write(part, dict(zip(live, version_file.read(live), strict=True)))
            next_number = (catalogs.linked_number() or 0) + 1
            catalogs.store(part, next_number, now)
            files.move_link(number)
            reach(FaultPoint.POINTER_MOVED)
            catalogs.move_link(next_number)
            # Readers open a catalog by its link, so no link replaces it, unlike a version.
            for superseded in catalogs.superseded(1, now):
                catalogs.path(superseded).unlink()
        for superseded in files.superseded(self.versions_kept, now):
            files.retire(superseded)


def _store(files: NumberedFiles, accepted: AcceptedRows, described: VersionFile) -> None:
    """Store the file of a completed version; no link points to it yet."""
    # Of attempts that were interrupted; the folder is locked, so none of them is running.
    for leftover in files.folder.glob("*.part*"):
        leftover.unlink()
    version_file.complete(accepted, described)
    number = described.version.number
    part = files.path(number).with_suffix(".part")
    shutil.move(accepted.database, part)
    files.store(part, number, described.version.published_at)


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Raise WarehouseUnavailable for errors of DuckDB and the file system, naming only their class.

    DuckDB's messages may repeat cell values.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise WarehouseUnavailable(type(error).__name__) from None
