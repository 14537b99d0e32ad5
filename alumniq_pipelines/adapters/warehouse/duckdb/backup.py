"""Versions in DuckDB files, into a backup and out of it.

    warehouse/iqu/qa/members/000000017.duckdb    a version, as its file was
    warehouse/iqu/qa/members/live.copy/000001     the number of the live one, after all versions

Catalogs have absolute paths in them, so they are not in a backup, but written again. The marks and
links of publications that were under way are not either: nobody has seen those versions.
"""

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import duckdb

from alumniq_pipelines.adapters.warehouse.duckdb import version_file
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse, errors_as_outage
from alumniq_pipelines.adapters.warehouse.folders import SUFFIX, NumberedFiles
from alumniq_pipelines.core.loads.backup import WAREHOUSE, BackupEntry, BackupWriter
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.backup import BackupUnusable
from alumniq_pipelines.files.private_files import create_file

LIVE = "live"
ENTRY = re.compile(
    rf"{WAREHOUSE}/({CUSTOMER_PATTERN.pattern})/({'|'.join(Environment)})/([a-z][a-z0-9-]*)"
    rf"/({LIVE}\.copy|\d{{9,18}}\{SUFFIX})"
)


@dataclass(frozen=True, slots=True)
class DuckDBBackup:
    """Implements core's WarehouseBackup."""

    warehouse: DuckDBWarehouse

    @property
    def engine(self) -> str:
        """The engine, as the settings name it."""
        return "duckdb"

    def contents(self) -> str:
        """Name the folder if anything is in it; empty otherwise."""
        folder = self.warehouse.folder
        with errors_as_outage():
            is_empty = not folder.exists() or not any(folder.iterdir())
        return "" if is_empty else f"a warehouse (the folder {folder})"

    def back_up(self, into: BackupWriter) -> Iterator[Version]:
        """Write the stored versions of each table."""
        with duckdb.connect() as connection:
            for target in self.warehouse.targets():
                yield from self._back_up(target, connection, into)

    def _back_up(
        self, target: Target, connection: duckdb.DuckDBPyConnection, into: BackupWriter
    ) -> Iterator[Version]:
        folder = f"{WAREHOUSE}/{target.customer}/{target.environment}/{target.feed}"
        files = self.warehouse.files(target)
        with ExitStack() as opened:
            with errors_as_outage():
                live = files.linked_number()
                paths = [files.path(number) for number in self.warehouse.retained(files)]
                described = version_file.read_by(connection, paths)
                # All are opened before the first is copied: one that is deleted meanwhile can be
                # read to its end.
                stored = {
                    found.version.number: (found.version, opened.enter_context(file))
                    for found, path in zip(described, paths, strict=True)
                    if (file := _open_version(path)) is not None
                }
            for number, (version, file) in stored.items():
                into.add_file(f"{folder}/{files.path(number).name}", file)
                yield version
            # After a rollback that has just ended, the version that was live may be gone already.
            number = live if live in stored else max(stored)
            into.add_stream(f"{folder}/{LIVE}.copy", [str(number).encode()])

    def restore(self, entries: Iterator[BackupEntry]) -> None:
        """Store each version under its name, and make the live one of each table live."""
        # Whatever number of versions this place keeps, any that was stored may be the live one.
        keeps_all = replace(self.warehouse, versions_kept=sys.maxsize)
        with errors_as_outage():
            for entry in entries:
                found = ENTRY.fullmatch(entry.name)
                if found is None:
                    raise BackupUnusable(entry.name, "it is no version")
                target = Target(found[1], Environment(found[2]), found[3])
                if found[4].startswith(LIVE):
                    number = int(b"".join(entry.chunks))
                    keeps_all.make_live(target, number, datetime.now(UTC))
                else:
                    _store(self.warehouse, target, int(found[4].removesuffix(SUFFIX)), entry.chunks)


def _open_version(path: Path) -> BinaryIO | None:
    """Open a version; None if a link has taken its place since, as of one that is deleted."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOENT}:
            return None
        raise


def _store(
    warehouse: DuckDBWarehouse, target: Target, number: int, chunks: Iterable[bytes]
) -> None:
    files: NumberedFiles = warehouse.files(target)
    warehouse.create_folders(files.folder)
    part = files.folder / f".{number:09d}.restored"
    with create_file(part) as file:
        for chunk in chunks:
            file.write(chunk)
    [described] = version_file.read([part])
    files.store(part, number, described.version.published_at)
