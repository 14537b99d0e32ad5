"""Checks of this host: its settings, folders, disks and clock."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from alumniq_pipelines.adapters.data_folder import OTHERS, TRAVERSABLE_FOLDER
from alumniq_pipelines.core.problems.installation import (
    ClockDiffers,
    DiskFilling,
    DiskFull,
    FolderMissing,
    FolderNotPrivate,
    FolderNotWritable,
    FolderOfOtherUser,
)
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.settings_faults import unknown_variables

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext

GIB = 1 << 30
MIN_FREE_BYTES = 1 * GIB
"""Less, and a load of a large file fails."""
LOW_FREE_BYTES, LOW_FREE_SHARE = 20 * GIB, 0.1
"""Less than both is worth a warning."""
MAX_CLOCK_DIFFERENCE = timedelta(seconds=30)
"""Receivers of callbacks accept signatures of the last five minutes; ours are of this clock."""


def find_in_settings(context: "CheckContext") -> Iterator[Problem]:
    """Find variables that look like settings and are none; that all are valid is known by now."""
    yield from unknown_variables(type(context.settings))


def find_in_profile(context: "CheckContext") -> Iterator[Problem]:
    """Find out whether the settings fit the launcher, which says how many hosts there may be."""
    from alumniq_pipelines.cli.dagster_configuration import check_profile, configuration

    check_profile(context.settings)
    configuration(context.settings)
    yield from ()


def find_in_data_folder(context: "CheckContext") -> Iterator[Problem]:
    """Find what is wrong with the data folder."""
    settings = context.settings
    if not settings.home.exists():
        yield FolderMissing(str(settings.home), "ALUMNIQ_DATA_DIR")
        return
    group = TRAVERSABLE_FOLDER & OTHERS if settings.warehouse_group else 0
    yield from _find_in_folder(settings.home, allowed=group)


def find_in_scratch_folder(context: "CheckContext") -> Iterator[Problem]:
    """Find what is wrong with the scratch folder; the first load makes it if there is none."""
    folder = context.settings.scratch_dir
    if folder.is_dir():
        yield from _find_in_folder(folder)
    else:
        yield from _find_unwritable(
            next(path for path in (folder, *folder.parents) if path.exists())
        )


def find_in_disks(context: "CheckContext") -> Iterator[Problem]:
    """Find disks that are almost full, each once."""
    settings = context.settings
    devices: dict[int, Path] = {}
    for folder in (settings.home, settings.scratch_dir, settings.dagster_home):
        if folder.exists():
            devices.setdefault(folder.stat().st_dev, folder)
    for folder in devices.values():
        usage = shutil.disk_usage(folder)
        yield from disk_problems(str(folder), usage.free, usage.total)


def disk_problems(folder: str, free: int, total: int) -> Sequence[Problem]:
    """Return what is wrong with so much free space, in bytes."""
    text = f"{free / GIB:.1f} GiB"
    if free < MIN_FREE_BYTES:
        return [DiskFull(folder, text)]
    if free < LOW_FREE_BYTES and free < LOW_FREE_SHARE * total:
        return [DiskFilling(folder, text, round(100 * free / total))]
    return []


def find_in_clock(context: "CheckContext") -> Iterator[Problem]:
    """Compare this host's clock with that of the database, halfway through the question."""
    before = datetime.now(UTC)
    theirs = context.ledger.database.clock()
    difference = before + (datetime.now(UTC) - before) / 2 - theirs
    if abs(difference) > MAX_CLOCK_DIFFERENCE:
        side = "ahead of" if difference > timedelta() else "behind"
        yield ClockDiffers(round(abs(difference).total_seconds()), side)


def _find_in_folder(folder: Path, allowed: int = 0) -> Iterator[Problem]:
    """Find what is wrong with a folder; `allowed` are permissions that others may have."""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        yield FolderOfOtherUser(str(folder), _user(found.st_uid), _user(os.geteuid()))
    if found.st_mode & OTHERS & ~allowed:
        yield FolderNotPrivate(str(folder))
    yield from _find_unwritable(folder)


def _find_unwritable(folder: Path) -> Iterator[Problem]:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield FolderNotWritable(str(folder), error.strerror or type(error).__name__)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
