"""Permissions of the data folder: only its owner has access, and a group to the warehouse.

An older release, or a program with another umask, may have left files that others can read. Their
permissions are tightened at start: first the data folder's own, which locks others out of
everything in it. Any other folder is tightened after its content, so a folder that is private
already has private content and is skipped.

Only files that we create are changed. A folder with files of other people is refused.
"""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from alumniq_pipelines.adapters.warehouse.folders import SUFFIX
from alumniq_pipelines.core.problems.setup import (
    DataFolderNotPrivate,
    DataFolderShared,
    DataFolderUnusable,
    UnusableWarehouseGroup,
)
from alumniq_pipelines.files.private_files import (
    PRIVATE_FOLDER,
    SHARED_FILE,
    SHARED_FOLDER,
    create_file,
    make_folder,
)

OTHERS = stat.S_IRWXG | stat.S_IRWXO
TRAVERSABLE_FOLDER = PRIVATE_FOLDER | stat.S_IXGRP
"""A group may pass through the folder to what it may read, but not list it."""

LOCK = "up.lock"
DEMO_MARK, DEMO_LOG, DEMO_FILES = ".made-by-alumniq-demo", "programs.log", "files"
MARKS = frozenset({"ledger.db", "sealing.key", "signing.key", DEMO_MARK})
"""A folder with one of these was used as a data folder before."""
OWN_NAMES = MARKS | {
    *("ledger.db-wal", "ledger.db-shm", "ledger.db-journal"),
    *("archive", "buckets", "dagster", "field-maps", "mail", "scratch", "warehouse", "workers"),
    *(LOCK, DEMO_LOG, "demo"),
}
"""All names that we create in a data folder; a demo's folder has DEMO_FILES as well."""


def group_id(name: str) -> int | None:
    """Return the id of the group with this name or number; None for an empty name.

    Raises UnusableWarehouseGroup if there is no such group, or this process cannot assign files to
    it.
    """
    if not name:
        return None
    try:
        group = int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise UnusableWarehouseGroup(name, "does not exist") from None
    if os.geteuid() != 0 and group not in {os.getegid(), *os.getgroups()}:
        raise UnusableWarehouseGroup(name, f"does not include {_user(os.geteuid())}")
    return group


def lock_file(home: Path) -> BinaryIO:
    """Open the file that a system locks while it uses a data folder; creates the folder if needed.

    Raises DataFolderUnusable.
    """
    try:
        make_folder(home)
        return create_file(home / LOCK)
    except OSError as error:
        raise DataFolderUnusable(str(home), _reason(error)) from None


def protect(home: Path, group: int | None, *, warehouse: str, buckets: str) -> None:
    """Remove the permissions of others on the data folder and on what we create in it.

    `group` may read the folder called `warehouse`. In `buckets`, only folders are changed: a file's
    ETag includes its change time, so a changed file would look like a new delivery. A link is
    followed only in place of one of our own names. Raises DataFolderShared, DataFolderUnusable, and
    DataFolderNotPrivate if a permission cannot be changed.
    """
    found = home.stat()
    if found.st_mode & stat.S_ISVTX or home == home.parent:
        raise DataFolderUnusable(str(home), "it is a folder of all users")
    rights = PRIVATE_FOLDER if group is None else TRAVERSABLE_FOLDER
    with _errors_as_problem(home, found), _open_folder(home) as folder:
        names = frozenset(_names(folder))
        own = OWN_NAMES | {DEMO_FILES} if DEMO_MARK in names else OWN_NAMES
        is_right = (found.st_mode ^ rights) & OTHERS == 0 and group in {None, found.st_gid}
        if not is_right:
            _check_not_shared(folder, home, found.st_uid, names, own)
        _set_rights(folder, ".", found, rights, group)
        for name in sorted(names & own):
            readers = group if name == warehouse else None
            path = home / name
            if path.is_symlink():
                _tighten(None, _resolve_link(path), readers, folders_only=name == buckets)
            else:
                _tighten(folder, path, readers, folders_only=name == buckets)


def _check_not_shared(
    folder: int, home: Path, owner: int, names: frozenset[str], own: frozenset[str]
) -> None:
    """Raise DataFolderShared if the folder also holds files of others.

    A folder that was a data folder before may hold other files of its own user. A new one must hold
    nothing that others can read, and nothing of other users.
    """
    owners = {0, os.geteuid(), owner}
    for name in sorted(names - own if names & MARKS else names):
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        is_open = name not in own and not names & MARKS and bool(found.st_mode & OTHERS)
        if is_open or found.st_uid not in owners:
            raise DataFolderShared(str(home), name)


def _resolve_link(path: Path) -> Path:
    """Return the target of a link of ours; raises DataFolderUnusable if it holds other things."""
    try:
        linked = path.resolve(strict=True)
    except FileNotFoundError:
        return path
    except (OSError, RuntimeError):
        raise DataFolderUnusable(str(path), "it is a link that leads nowhere") from None
    if linked.stat().st_mode & stat.S_ISVTX or path.parent.is_relative_to(linked):
        raise DataFolderUnusable(str(path), "it is a link to a folder that holds other things")
    return linked


def _tighten(parent: int | None, path: Path, group: int | None, *, folders_only: bool) -> None:
    """Tighten the permissions of a file, or of a folder after its content."""
    entry_name = str(path) if parent is None else path.name
    try:
        found = os.stat(entry_name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:  # running programs create and delete files meanwhile
        return
    is_folder = stat.S_ISDIR(found.st_mode)
    # A file of another user is left to that user; the folder that holds it is ours to change.
    is_foreign = folders_only or found.st_uid != os.geteuid()
    if stat.S_ISLNK(found.st_mode) or (is_foreign and not is_folder):
        return
    with _errors_as_problem(path, found):
        if is_folder and (found.st_mode & OTHERS or group is not None):
            with _open_folder(entry_name, parent) as folder:
                for name in _names(folder):
                    _tighten(folder, path / name, group, folders_only=folders_only)
        _set_rights(parent, entry_name, found, _rights(path, found, group), group)


def _rights(path: Path, found: os.stat_result, group: int | None) -> int:
    """Return the permissions that a file or folder should have."""
    if group is not None and stat.S_ISDIR(found.st_mode):
        return SHARED_FOLDER
    if group is not None and path.suffix == SUFFIX:
        return SHARED_FILE
    # An unfinished version may have been assigned to the group already.
    is_shared = group is not None and found.st_gid == group
    return stat.S_IMODE(found.st_mode) & ~(stat.S_IRWXO if is_shared else OTHERS)


def _set_rights(
    parent: int | None, name: str, found: os.stat_result, rights: int, group: int | None
) -> None:
    """Change permissions only if they differ: a read-only disk with the right ones is fine."""
    if group is not None and rights & stat.S_IRWXG and found.st_gid != group:
        os.chown(name, -1, group, dir_fd=parent, follow_symlinks=False)
    if stat.S_IMODE(found.st_mode) == rights:
        return
    try:
        os.chmod(name, rights, dir_fd=parent, follow_symlinks=False)
    except NotImplementedError:  # a link took its place, or the system cannot avoid following it
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextmanager
def _open_folder(folder: Path | str, parent: int | None = None) -> Iterator[int]:
    """Yield a folder's descriptor. Files are never opened: closing one drops SQLite's locks."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(folder, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _errors_as_problem(path: Path, found: os.stat_result) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataFolderNotPrivate(str(path), _user(found.st_uid), _reason(error)) from None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
