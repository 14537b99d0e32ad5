"""One contract for both archives: a folder, and a bucket."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from alumniq_pipelines.adapters.archive import BucketArchive, FolderArchive
from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client
from alumniq_pipelines.core.loads.archive import HELD, RECEIVED, Archive
from alumniq_pipelines.core.problems.outage import ArchiveUnavailable
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_archive

NAME = f"{RECEIVED}cafe"


@pytest.fixture(params=["folder", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    if request.param == "folder":
        return FolderArchive(tmp_path / "archive")
    client = s3_client(
        endpoint_url=request.getfixturevalue("s3_endpoint"),
        access_key_id="test",
        secret_access_key="test",
    )
    return BucketArchive(S3Buckets(client).create(f"archive-{uuid4()}"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / f"file-{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return path

    return written


def test_what_was_put_comes_back_as_it_was(
    archive: Archive, write: Callable[[bytes], Path], tmp_path: Path
) -> None:
    source = write(b"a,b\n1,2\n")
    archive.put(NAME, source, durably=True)
    source.unlink()
    assert archive.get(NAME, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"a,b\n1,2\n"


def test_a_copy_that_is_written_to_leaves_the_archived_file_alone(
    archive: Archive, write: Callable[[bytes], Path], tmp_path: Path
) -> None:
    archive.put(NAME, write(b"stored"))
    archive.get(NAME, tmp_path / "copy")
    (tmp_path / "copy").write_bytes(b"changed")
    archive.get(NAME, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"stored"


def test_a_missing_file_is_reported_and_removing_it_is_harmless(
    archive: Archive, write: Callable[[bytes], Path], tmp_path: Path
) -> None:
    assert not archive.get(NAME, tmp_path / "copy")
    archive.put(NAME, write(b"stored"))
    archive.remove(NAME)
    archive.remove(NAME)
    assert not archive.get(NAME, tmp_path / "copy")
    assert list(archive.list_files(RECEIVED)) == []


def test_files_are_listed_by_kind_with_the_time_they_were_last_put(
    archive: Archive, write: Callable[[bytes], Path]
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    archive.put(NAME, write(b"stored"))
    archive.put(NAME, write(b"stored"))
    archive.put(f"{HELD}x.duckdb", write(b"rows"))
    [found] = archive.list_files(RECEIVED)
    assert found.name == NAME
    assert before < found.stored_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_archiving_on_the_same_disk_copies_nothing(
    tmp_path: Path, write: Callable[[bytes], Path]
) -> None:
    source = write(b"stored")
    FolderArchive(tmp_path / "archive").put(NAME, source)
    assert (tmp_path / "archive" / NAME).samefile(source)


def test_a_folder_that_cannot_be_written_is_an_outage(
    tmp_path: Path, write: Callable[[bytes], Path]
) -> None:
    (tmp_path / "archive").write_bytes(b"")
    with pytest.raises(ArchiveUnavailable):
        FolderArchive(tmp_path / "archive").put(NAME, write(b"stored"))


def test_the_settings_choose_the_archive(tmp_path: Path) -> None:
    assert open_archive(Settings(data_dir=tmp_path)) == FolderArchive(tmp_path / "archive")
    chosen = open_archive(Settings(data_dir=tmp_path, archive_bucket="alumniq-archive"))
    assert isinstance(chosen, BucketArchive)
    assert chosen.bucket.name == "alumniq-archive"
