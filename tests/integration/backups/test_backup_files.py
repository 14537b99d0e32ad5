"""A backup as a file: complete and undamaged, or refused before anything is restored."""

import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.backup_file import (
    PART_BYTES,
    BackupFile,
    create_backup,
    open_backup,
)
from alumniq_pipelines.core.loads.backup import FORMAT, MANIFEST, Manifest
from alumniq_pipelines.core.problems.backup import (
    BackupExists,
    BackupOfNewerRelease,
    BackupUnusable,
)
from alumniq_pipelines.core.problems.paths import OutputNotWritable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STREAM = "warehouse/iqu_qa/members__v1.copy"


def ignore(size: int) -> None:
    """Take how much was done."""
    del size


def add_manifest(into: BackupFile, **values: Any) -> None:
    """Write the manifest of what was added."""
    manifest = {
        "format": FORMAT,
        "release": "9.9",
        "revision": "0015",
        "taken_at": "2026-12-01T02:00:00Z",
        "ledger": "sqlite",
        "warehouse": "duckdb",
        "keys": "none",
        "missing": [],
        "members": {name: member.model_dump() for name, member in into.members.items()},
        **values,
    }
    into.add_bytes(MANIFEST, json.dumps(manifest).encode())


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of one file and one stream of several parts."""
    path = tmp_path / "a.backup"
    with create_backup(path, ignore, force=False) as into:
        into.add_bytes("keys/signing.key", b"secret")
        into.add_stream(STREAM, chunks())
        add_manifest(into)
    return path


def chunks() -> Iterator[bytes]:
    """Yield two and a half parts."""
    for number in range(5):
        yield bytes([number]) * (PART_BYTES // 2)


def verify(path: Path) -> Manifest:
    """Read a backup as a restore does first."""
    with open_backup(path, ignore) as opened:
        return opened.verify()


def repack(path: Path, change: Callable[[list[tarfile.TarInfo], dict[str, bytes]], None]) -> None:
    """Unpack a backup, let its members be changed, and pack it again."""
    with zstd.ZstdFile(path) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
        content = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    infos = [tarfile.TarInfo(name) for name in content]
    change(infos, content)
    with zstd.ZstdFile(path, "w") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for info in infos:
            data = content.get(info.name, b"")
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))


def test_what_was_written_is_read_in_order_and_whole(backup: Path) -> None:
    with open_backup(backup, ignore) as opened:
        assert opened.verify().release == "9.9"
        found = [(entry.name, b"".join(entry.chunks)) for entry in opened.entries()]
    assert found == [("keys/signing.key", b"secret"), (STREAM, b"".join(chunks()))]


def test_an_entry_that_is_not_read_is_passed_over(backup: Path) -> None:
    with open_backup(backup, ignore) as opened:
        assert [entry.name for entry in opened.entries()] == ["keys/signing.key", STREAM]


def test_only_its_owner_can_read_it(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600


def test_no_file_is_replaced_unless_that_is_wanted(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupExists), create_backup(backup, ignore, force=False):
        pass
    assert backup.read_bytes() == before
    with create_backup(backup, ignore, force=True) as into:
        add_manifest(into)
    assert backup.read_bytes() != before


def test_a_backup_that_fails_leaves_no_file_and_replaces_none(backup: Path) -> None:
    before = backup.read_bytes()
    gone = backup.with_name("gone")
    with pytest.raises(OutputNotWritable), create_backup(backup, ignore, force=True) as into:
        into.add_file("keys/signing.key", gone.open("rb"))
    assert backup.read_bytes() == before
    assert list(backup.parent.iterdir()) == [backup]


def test_two_backups_do_not_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    with create_backup(path, ignore, force=False) as into:
        with pytest.raises(OutputNotWritable), create_backup(path, ignore, force=False):
            pass
        add_manifest(into)
    assert verify(path).members == {}


def test_what_a_killed_backup_has_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".a.backup.part").write_bytes(b"x" * 100_000)
    with create_backup(tmp_path / "a.backup", ignore, force=False) as into:
        add_manifest(into)
    assert verify(tmp_path / "a.backup").members == {}


SHARES = st.floats(0, 1, exclude_max=True)


@settings(deadline=None)
@given(share=SHARES)
def test_a_file_that_is_cut_off_anywhere_is_refused(share: float) -> None:
    with small_backup() as path:
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(BackupUnusable):
            verify(path)


@settings(deadline=None)
@given(share=SHARES, flipped=st.integers(1, 255))
def test_no_changed_byte_changes_what_is_restored(share: float, flipped: int) -> None:
    with small_backup() as path:
        members = verify(path).members
        content = bytearray(path.read_bytes())
        content[int(share * len(content))] ^= flipped
        path.write_bytes(content)
        with suppress(BackupUnusable, BackupOfNewerRelease):
            assert verify(path).members == members


@contextmanager
def small_backup() -> Iterator[Path]:
    """Yield a backup of one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.backup"
        with create_backup(path, ignore, force=False) as into:
            into.add_bytes("keys/signing.key", bytes(range(256)) * 8)
            add_manifest(into)
        yield path


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../escaped", "archive/../../escaped", "archive/./x", "archive//x", "a\\b"],
)
def test_a_member_with_a_name_that_leads_elsewhere_is_refused(backup: Path, name: str) -> None:
    def change(infos: list[tarfile.TarInfo], content: dict[str, bytes]) -> None:
        infos.insert(0, tarfile.TarInfo(name))
        manifest = json.loads(content[MANIFEST])
        member = {"size": 0, "sha256": sha256(b"").hexdigest()}
        manifest["members"] = {name: member, **manifest["members"]}
        content[MANIFEST] = json.dumps(manifest).encode()

    repack(backup, change)
    with pytest.raises(BackupUnusable, match="is no backup's file"):
        verify(backup)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_member_that_is_no_plain_file_is_refused(backup: Path, kind: bytes) -> None:
    def change(infos: list[tarfile.TarInfo], content: dict[str, bytes]) -> None:
        del content
        infos[0].type, infos[0].linkname = kind, "/etc/passwd"

    repack(backup, change)
    with pytest.raises(BackupUnusable, match="is no backup's file"):
        verify(backup)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda infos, _: infos.pop(), "no manifest at its end"),
        (lambda infos, _: infos.pop(0), "not those of its manifest"),
        (lambda infos, _: infos.insert(1, infos[0]), "twice"),
        (lambda infos, _: infos.insert(1, infos.pop(2)), "not those of its manifest"),
        (lambda infos, _: infos.append(tarfile.TarInfo("keys/x")), "no manifest at its end"),
        (lambda _, content: content.update({"keys/signing.key": b"Secret"}), "is damaged"),
        (lambda _, content: content.update({MANIFEST: b"{}"}), "its manifest cannot be read"),
        (lambda _, content: content.update({MANIFEST: b"[1]"}), "its manifest cannot be read"),
    ],
)
def test_a_backup_that_was_tampered_with_is_refused(
    backup: Path, change: Callable[[Any, Any], Any], reason: str
) -> None:
    repack(backup, change)
    with pytest.raises(BackupUnusable, match=reason):
        verify(backup)


def test_a_backup_of_a_newer_format_is_refused_with_the_release_that_made_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.backup"
    with create_backup(path, ignore, force=False) as into:
        add_manifest(into, format=FORMAT + 1, also="unknown")
    with pytest.raises(BackupOfNewerRelease, match=r"release 9\.9"):
        verify(path)


@pytest.mark.parametrize("content", [b"", b"no backup", b"\x28\xb5\x2f\xfd"])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.backup"
    path.write_bytes(content)
    with pytest.raises(BackupUnusable):
        verify(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="No such file"):
        verify(tmp_path / "a.backup")
