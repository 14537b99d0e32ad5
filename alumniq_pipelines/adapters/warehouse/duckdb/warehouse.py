"""The warehouse in DuckDB files: one per version, a link to the live one, a catalog of views."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from alumniq_pipelines.adapters.warehouse.duckdb import catalog_file, numbers, query, version_file
from alumniq_pipelines.adapters.warehouse.duckdb.token_files import TokenFiles, clear_tokens
from alumniq_pipelines.adapters.warehouse.folders import (
    SUFFIX,
    NumberedFiles,
    create_folders,
    lock_folder,
)
from alumniq_pipelines.adapters.warehouse.version_facts import describe
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.loads.warehouse import (
    AcceptedRows,
    BeforePointerMoves,
    LiveRows,
    Version,
    no_claim,
)
from alumniq_pipelines.core.problems.command import NothingPublished, UnknownVersion
from alumniq_pipelines.core.problems.outage import VersionNumberTaken, WarehouseUnavailable
from alumniq_pipelines.core.problems.run import AttemptOver
from alumniq_pipelines.fault_points import FaultPoint, reach

LOCK_SECONDS = 180
"""How long to wait for another writer of a folder: one that was paused may hold its lock."""
REVOKE_SECONDS = 5
"""How long revoking waits for another writer, if the catalog has to be completed."""


@dataclass(frozen=True)
class DuckDBWarehouse:
    """Implements core's Warehouse below one folder."""

    folder: Path
    versions_kept: int = 5
    query_seconds: float = 300
    group: int | None = None
    """The group that may read the files."""
    lock_seconds: float = LOCK_SECONDS

    @property
    def moves_files(self) -> bool:
        """Always: a version is the file that its rows were staged in."""
        return True

    def live(self, target: Target) -> Version | None:
        """Return the version that new readers see."""
        files = self.files(target)
        with errors_as_outage():
            number = files.linked_number()
            return None if number is None else version_file.read([files.path(number)])[0].version

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Return the live version with its file, which is never written again."""
        del scratch, columns
        files = self.files(target)
        with errors_as_outage():
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
        attempt: int = 1,
        before_pointer_moves: BeforePointerMoves = no_claim,
    ) -> Version:
        """Complete a new version and make it live; moves the file of accepted rows."""
        described = describe(target, field_map, accepted, number, job_id, now)
        files = self.files(target)
        token = TokenFiles(files=files, number=number, attempt=attempt)
        with errors_as_outage():
            self.create_folders(files.folder)
            if token.is_revoked:
                raise AttemptOver(job_id)
            _check_owner(files, target, number, job_id)
            if _is_reached(files, number):
                return self._complete_links(target, now, self.lock_seconds)
            version_file.complete(accepted, described)
            with token.prepared(accepted.file, job_id, now):
                # Without the lock: the claim may take long, or this process be paused in it.
                before_pointer_moves()
                with _locked(files, self.lock_seconds):
                    if not _is_reached(files, number):
                        return self._move_pointer(token, described.version, now)
                if token.is_revoked:
                    raise AttemptOver(job_id)
            return self._complete_links(target, now, self.lock_seconds)

    def revoke(self, target: Target, *, number: int, attempt: int) -> None:
        """Prevent a publication; complete the catalog if its process ended between the links."""
        files = self.files(target)
        with errors_as_outage():
            self.create_folders(files.folder)
            TokenFiles(files=files, number=number, attempt=attempt).revoke()
            if files.linked_number() == number:
                seconds = min(REVOKE_SECONDS, self.lock_seconds)
                self._complete_links(target, datetime.now(UTC), seconds)

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Make a stored version live; raises UnknownVersion."""
        files = self.files(target)
        with errors_as_outage():
            retained = self.retained(files)
            if number not in retained:
                raise UnknownVersion(str(target), number, retained)
            with _locked(files, self.lock_seconds):
                self._set_live(
                    target, number, now, self.lock_seconds, lambda: files.move_link(number)
                )
                return version_file.read([files.path(number)])[0].version

    def versions(self, target: Target) -> Sequence[Version]:
        """Return the stored versions, newest first."""
        files = self.files(target)
        with errors_as_outage():
            paths = [files.path(number) for number in self.retained(files)]
            return [file.version for file in version_file.read(paths)]

    def targets(self) -> Sequence[Target]:
        """Return the targets that have a version."""
        return numbers.list_targets(self.folder)

    def highest_number(self, target: Target | None = None) -> int:
        """Return the highest number in the names of a target's files, or of all targets."""
        return numbers.highest_number(self.folder, target)

    def query(
        self, customer: str, environment: str, sql: str, limit: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Run one SELECT over an environment's catalog; return column names and rows."""
        if not CUSTOMER_PATTERN.fullmatch(customer) or environment not in set(Environment):
            raise NothingPublished(customer, environment)
        catalog = self._environment(customer, environment) / f"catalog{SUFFIX}"
        if not catalog.exists():
            raise NothingPublished(customer, environment)
        with errors_as_outage():
            return query.run(catalog, sql, max_rows=limit, seconds=self.query_seconds)

    def _environment(self, customer: str, environment: str) -> Path:
        """Return the folder of an environment."""
        return self.folder.absolute() / customer / environment

    def files(self, target: Target) -> NumberedFiles:
        """Return the files of a target's versions."""
        folder = self._environment(target.customer, target.environment) / target.feed
        return NumberedFiles(folder, folder / f"live{SUFFIX}", self.group)

    def create_folders(self, folder: Path) -> None:
        """Create a folder in the warehouse."""
        create_folders(folder, self.folder.absolute(), self.group)

    def retained(self, files: NumberedFiles) -> Sequence[int]:
        """Return the numbers of the versions to keep, newest first, always with the live one."""
        numbers = files.numbers()
        live = files.linked_number()
        return [
            number
            for number in numbers
            if number in numbers[: self.versions_kept] or number == live
        ]

    def _move_pointer(self, token: TokenFiles, version: Version, now: datetime) -> Version:
        """Store a prepared version and make it live; raises AttemptOver if it was revoked."""
        files, number = token.files, version.number
        stored = _stored_again(files, version)
        if stored is None:
            token.store(version.job_id)
            reach(FaultPoint.VERSION_STORED)

        def move_pointer() -> None:
            token.move_pointer(version.job_id)
            reach(FaultPoint.POINTER_MOVED)

        self._set_live(version.target, number, now, self.lock_seconds, move_pointer)
        clear_tokens(files, number, files.numbers())
        return stored or version

    def _complete_links(self, target: Target, now: datetime, seconds: float) -> Version:
        """Write the catalog again, which a publication that was interrupted did not reach."""
        files = self.files(target)
        with _locked(files, seconds):
            number = files.linked_number()
            if number is None:  # nothing of ours takes a pointer away
                raise FileNotFoundError(files.link)
            self._set_live(target, number, now, seconds, lambda: None)
            return version_file.read([files.path(number)])[0].version

    def _set_live(
        self,
        target: Target,
        number: int,
        now: datetime,
        seconds: float,
        move_pointer: Callable[[], None],
    ) -> None:
        """Make a version live: write the new catalog, then move the two links.

        The target's link is authoritative, and moves first: no catalog shows a version that was
        revoked. If the process ends between the two moves, the next publication in the environment,
        another attempt at this load, or the revocation of this one writes the catalog again.
        """
        files = self.files(target)
        folder = files.folder.parent
        catalog_link = folder / f"catalog{SUFFIX}"
        catalogs = NumberedFiles(folder / ".catalogs", catalog_link, self.group)
        self.create_folders(catalogs.folder)
        with lock_folder(folder, seconds):
            # By feed, so that the new live version replaces the current one. Without the file of a
            # link, the catalog lacks that feed only.
            links = folder.glob(f"*/live{SUFFIX}")
            live_files = {
                link.parent.name: link.parent / link.readlink() for link in links if link.exists()
            }
            live = {**live_files, target.feed: files.path(number)}.values()
            part = catalogs.folder / "new.part"
            catalog_file.write(part, live)
            next_number = (catalogs.linked_number() or 0) + 1
            catalogs.store(part, next_number, now)
            move_pointer()
            catalogs.move_link(next_number)
            # Readers open a catalog by its link, so no link replaces it, unlike a version.
            for superseded in catalogs.superseded(1, now):
                catalogs.path(superseded).unlink()
        for superseded in files.superseded(self.versions_kept, now):
            files.retire(superseded)


@contextmanager
def _locked(files: NumberedFiles, seconds: float) -> Iterator[None]:
    """Lock the folder of a target, and delete what was stored in it but not published."""
    with lock_folder(files.folder, seconds):
        files.settle()
        try:
            yield
        finally:
            files.settle()


def _is_reached(files: NumberedFiles, number: int) -> bool:
    """Whether this version or a later one is live."""
    linked = files.linked_number()
    return linked is not None and linked >= number


def _stored(files: NumberedFiles, number: int) -> Version | None:
    """Return the version that is stored under a number, and was live once; None without one."""
    if number not in files.numbers():
        return None
    try:
        return version_file.read([files.path(number)])[0].version
    except duckdb.Error:
        return None  # not a version: an earlier release was interrupted while storing it


def _check_owner(files: NumberedFiles, target: Target, number: int, job_id: JobId) -> None:
    """Raise VersionNumberTaken if the version with this number is another load's."""
    stored = _stored(files, number)
    if stored is not None and stored.job_id != job_id:
        raise VersionNumberTaken(str(target), number)


def _stored_again(files: NumberedFiles, version: Version) -> Version | None:
    """Return the version if it is stored already, with the same rows, since before a rollback."""
    stored = _stored(files, version.number)
    if stored is None:
        return None
    if stored.job_id != version.job_id:
        raise VersionNumberTaken(str(version.target), version.number)
    same = (version.sha256, version.field_map_sha256, version.rows)
    is_same = (stored.sha256, stored.field_map_sha256, stored.rows) == same
    return stored if is_same else None


@contextmanager
def errors_as_outage() -> Iterator[None]:
    """Raise WarehouseUnavailable for errors of DuckDB and the file system, naming only their class.

    DuckDB's messages may repeat cell values.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise WarehouseUnavailable(type(error).__name__) from None
