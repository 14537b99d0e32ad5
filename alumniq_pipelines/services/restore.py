"""The use case: put a backup into an empty place, so that the loads that were under way go on.

The ledger comes last. Until then its place is marked, and nothing else uses it: a restore that was
interrupted leaves nothing that looks complete.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from alumniq_pipelines.adapters.backup_file import BackupReader
from alumniq_pipelines.adapters.bucket.folder import FolderBucket
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.restoring import (
    begin_restoring,
    finish_restoring,
    is_empty,
)
from alumniq_pipelines.adapters.ledger.snapshot import engine_of
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.backup import (
    ARCHIVE,
    FIELD_MAPS,
    KEYS,
    LEDGER,
    UPLOADS,
    WAREHOUSE,
    BackupEntry,
    Manifest,
    WarehouseBackup,
)
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.problems.backup import (
    BackupOfNewerRelease,
    BackupOfOtherEngine,
    BackupUnusable,
    PlaceNotEmpty,
)
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import create_file, make_folder


@dataclass(frozen=True, kw_only=True)
class Restore:
    """The place that a backup is restored to. `keys` are its files by their names in a backup."""

    ledger: Ledger
    ledger_name: str
    warehouse: WarehouseBackup
    archive: Archive
    buckets: Buckets
    keys: Mapping[str, Path]
    field_maps: Path

    def run(self, backup: BackupReader, scratch: Path) -> tuple[Manifest, Sequence[str]]:
        """Restore a backup, after it was read and checked as a whole.

        Return its manifest, and the buckets that could not be written. Raises SetupProblem, with
        nothing restored, if it is damaged, does not fit or the place is not empty.
        """
        manifest = backup.verify()
        self._check(manifest)
        begin_restoring(self.ledger.database)
        unwritten: set[str] = set()
        for folder, entries in groupby(
            backup.entries(), key=lambda entry: entry.name.partition("/")[0]
        ):
            if folder == WAREHOUSE:
                self.warehouse.restore(entries)
                continue
            for entry in entries:
                unwritten |= self._restore_file(entry, scratch)
        finish_restoring(self.ledger.database, scratch / LEDGER, manifest.revision)
        self.ledger.migrate()
        return manifest, sorted({*unwritten, *self._make_buckets()})

    def _check(self, manifest: Manifest) -> None:
        """Raise SetupProblem if the backup does not fit, or the place is not empty."""
        if manifest.revision > REVISION:
            raise BackupOfNewerRelease(manifest.release, manifest.revision, REVISION)
        engine = engine_of(self.ledger.database)
        if manifest.ledger != engine:
            raise BackupOfOtherEngine(
                setting="ALUMNIQ_LEDGER_URL", found=manifest.ledger, expected=engine
            )
        if manifest.warehouse != self.warehouse.engine:
            raise BackupOfOtherEngine(
                setting="ALUMNIQ_WAREHOUSE",
                found=manifest.warehouse,
                expected=self.warehouse.engine,
            )
        found_here = [
            *([] if is_empty(self.ledger.database) else [f"a ledger ({self.ledger_name})"]),
            *filter(None, [self.warehouse.contents()]),
            *(f"another key ({path})" for path in self._other_keys(manifest)),
        ]
        if found_here:
            raise PlaceNotEmpty(found_here)

    def _other_keys(self, manifest: Manifest) -> Iterator[Path]:
        """Yield the key files that are there and differ from those of the backup."""
        for name, path in self.keys.items():
            member = manifest.members.get(f"{KEYS}/{name}")
            if member and path.exists() and sha256(path.read_bytes()).hexdigest() != member.sha256:
                yield path

    def _restore_file(self, entry: BackupEntry, scratch: Path) -> set[str]:
        """Restore a file that is not of the warehouse; return a bucket that cannot be written."""
        folder, _, name = entry.name.partition("/")
        if folder == KEYS:
            if name in self.keys:
                sync(_write(entry, self.keys[name]))
        elif folder == FIELD_MAPS:
            sync(_write(entry, self.field_maps / name))
        elif folder == LEDGER:
            _write(entry, scratch / LEDGER / name)
        elif folder == ARCHIVE:
            self.archive.put(name, _write(entry, scratch / "file"), durably=True)
        elif folder == UPLOADS:
            return self._upload(entry, name, _write(entry, scratch / "file"))
        else:
            raise BackupUnusable(entry.name, "it is in no folder of a backup")
        return set()

    def _upload(self, entry: BackupEntry, name: str, file: Path) -> set[str]:
        """Put a customer's file into the bucket, unless a newer one is there.

        Returns the bucket if that was not possible.
        """
        bucket_name, _, key = name.partition("/")
        try:
            bucket = self.buckets.create(bucket_name)
            if bucket.head(key) is None:
                bucket.put(key, file)
                if isinstance(bucket, FolderBucket):
                    bucket.set_modified(key, entry.modified_at)
        except Problem:
            return {bucket_name}
        return set()

    def _make_buckets(self) -> Iterator[str]:
        """Make the buckets that are missing, and yield those that cannot be made."""
        for customer in self.ledger.customers.all():
            try:
                self.buckets.create(customer.bucket)
            except Problem:
                yield customer.bucket


def _write(entry: BackupEntry, path: Path) -> Path:
    """Write an entry to a private file, over one that is there already."""
    make_folder(path.parent)
    path.unlink(missing_ok=True)  # it may be a hard link of what was archived
    with create_file(path, exclusive=True) as file:
        for chunk in entry.chunks:
            file.write(chunk)
    return path
