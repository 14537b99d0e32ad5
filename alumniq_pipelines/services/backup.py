"""The use case: write a backup of everything that cannot be rebuilt, while everything runs.

The order decides what a backup may lack. The ledger is copied first: whatever it knows to be
published is in the warehouse, which is copied after it. What was published in between is in the
warehouse alone, and `alumniq doctor --repair` and the runs of those loads know what to do with it.
The other way round, a version would be missing that the ledger promises.

What unfinished loads need in the archive is deleted when they end. If some of it is gone by the
time that it is copied, the ledger is copied again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from alumniq_pipelines.adapters.backup_file import BackupFile
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.snapshot import LedgerSnapshot, engine_of, take_snapshot
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.core.loads.archive import Archive, received_name
from alumniq_pipelines.core.loads.backup import (
    ARCHIVE,
    FIELD_MAPS,
    FORMAT,
    KEYS,
    LEDGER,
    MANIFEST,
    KeysIncluded,
    Manifest,
    NeededFiles,
    Upload,
    WarehouseBackup,
)
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.problems.problem import OutageProblem, SenderProblem
from alumniq_pipelines.files.scratch import disk_errors_as_outage

MAX_SNAPSHOTS = 5

Fetch = Callable[[Path], datetime | None]
"""Copies a file to a local one, and returns when it was modified; None if it is not there."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup is made of. `keys` are the files that there are, by their names in it."""

    ledger: Ledger
    warehouse: WarehouseBackup
    archive: Archive
    buckets: Buckets
    keys: Mapping[str, Path]
    without_keys: bool = False
    field_maps: Path
    release: str
    clock: Callable[[], datetime]

    def write(self, into: BackupFile, scratch: Path) -> Manifest:
        """Write everything and return the manifest, which is written last."""
        self._add_folder(into, KEYS, {} if self.without_keys else self.keys)
        maps = {path.name: path for path in sorted(self.field_maps.glob("[!.]*.yaml"))}
        self._add_folder(into, FIELD_MAPS, maps)
        snapshot, taken_at, missing = self._copy_ledger(into, scratch)
        # Only now: a file may be replaced, and the ledger knows of the calls until then.
        for upload in snapshot.needed.uploads:
            if not self._add(into, scratch, upload.name, partial(self._fetch, upload)):
                missing.add(upload.name)
        versions = {received_name(version.sha256) for version in self.warehouse.back_up(into)}
        for name in sorted(versions):
            self._add_archived(into, scratch, [name])
        self._add_folder(into, LEDGER, {path.name: path for path in snapshot.files})
        manifest = Manifest(
            format=FORMAT,
            release=self.release,
            revision=REVISION,
            taken_at=taken_at,
            ledger=engine_of(self.ledger.database),
            warehouse=self.warehouse.engine,
            keys=self._keys_included(),
            missing=tuple(sorted(missing)),
            members=into.members,
        )
        into.add_bytes(MANIFEST, manifest.model_dump_json(indent=1).encode())
        return manifest

    def _keys_included(self) -> KeysIncluded:
        if not self.keys:
            return "none"
        return "left-out" if self.without_keys else "yes"

    def _copy_ledger(
        self, into: BackupFile, scratch: Path
    ) -> tuple[LedgerSnapshot, datetime, set[str]]:
        """Copy the ledger and the archived files that it needs, until none is gone meanwhile.

        Also returns when, and the names of files that were not there at two times in succession.
        """
        before: set[str] = set()
        for _ in range(MAX_SNAPSHOTS):
            taken_at = self.clock()
            with disk_errors_as_outage():
                snapshot = take_snapshot(self.ledger.database, scratch / LEDGER)
            missing = set(self._add_needed(into, scratch, snapshot.needed))
            if missing <= before:
                break
            before = missing
        return snapshot, taken_at, missing

    def _add_needed(self, into: BackupFile, scratch: Path, needed: NeededFiles) -> Iterator[str]:
        """Add archived files that are not added yet, and yield the names of those that are gone."""
        for names in (*needed.held, *((name,) for name in needed.repeated)):
            if not self._add_archived(into, scratch, names):
                yield f"{ARCHIVE}/{names[0]}"
        for name in needed.received:
            self._add_archived(into, scratch, [name])

    def _add_archived(self, into: BackupFile, scratch: Path, names: Iterable[str]) -> bool:
        """Add the first archived file that is there under one of its names."""
        return any(
            self._add(into, scratch, f"{ARCHIVE}/{name}", partial(self._get, name))
            for name in names
        )

    def _get(self, name: str, destination: Path) -> datetime | None:
        return self.clock() if self.archive.get(name, destination) else None

    def _fetch(self, upload: Upload, destination: Path) -> datetime | None:
        """Fetch a customer's file; one that cannot be read counts as gone, as for its load."""
        try:
            stored = self.buckets.open(upload.bucket).fetch(upload.key, destination)
        except (OutageProblem, SenderProblem):
            return None
        return stored.modified_at if stored else None

    def _add(self, into: BackupFile, scratch: Path, name: str, fetch: Fetch) -> bool:
        """Add a file by way of the scratch folder, unless it is in the backup already."""
        if name in into.members:
            return True
        copy = scratch / "file"
        modified_at = fetch(copy)
        if modified_at is None:
            return False
        with copy.open("rb") as file:
            into.add_file(name, file, modified_at)
        copy.unlink()
        return True

    def _add_folder(self, into: BackupFile, folder: str, files: Mapping[str, Path]) -> None:
        for name, path in files.items():
            with path.open("rb") as file:
                into.add_file(f"{folder}/{name}", file)
