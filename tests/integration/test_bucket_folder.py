"""What only a folder can do wrong: links, pipes, and files that are still being copied."""

import os
import threading
import time
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.bucket.folder import FolderBucket, FolderBuckets
from alumniq_pipelines.core.problems.outage import BucketUnavailable, FileChanged

KEY = "qa/warehouse/warehouse.csv"


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    return FolderBuckets(tmp_path / "buckets", settle_seconds=0).create("iqu")


def let_the_file_clock_tick(probe: Path, since_ns: int) -> None:
    """Wait, some milliseconds at most, until new changes get a later time than `since_ns`."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > since_ns:
            return
    pytest.fail("the clock of the file system stands still")


def test_a_link_out_of_the_bucket_leads_nowhere(bucket: FolderBucket, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("not yours")
    (bucket.root / KEY).symlink_to(secret)
    (bucket.root / "qa/warehouse/linked").symlink_to(tmp_path)

    for key in (KEY, "qa/warehouse/linked/secret.csv"):
        assert bucket.head(key) is None
        assert bucket.fetch(key, tmp_path / "fetched") is None
    assert bucket.list_objects("") == []


def test_a_bucket_may_be_a_link_to_a_folder_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "dropped").mkdir()
    (tmp_path / "buckets").mkdir()
    (tmp_path / "buckets" / "iqu").symlink_to(tmp_path / "dropped")
    bucket = FolderBuckets(tmp_path / "buckets", settle_seconds=0).create("iqu")
    (tmp_path / "dropped" / KEY).write_text("xid")

    assert bucket.head(KEY)
    assert [stored.key for stored in bucket.list_objects("qa/")] == [KEY]
    assert bucket.fetch(KEY, tmp_path / "fetched")


def test_a_named_pipe_is_no_file_and_holds_nobody_up(bucket: FolderBucket) -> None:
    os.mkfifo(bucket.root / KEY)

    assert bucket.head(KEY) is None
    assert bucket.list_objects("qa/") == []


def test_a_file_that_grows_while_it_is_read_is_refused(
    bucket: FolderBucket, tmp_path: Path
) -> None:
    """A webhook that comes before `cp` is done must not load half of the file."""
    path = bucket.root / KEY
    path.write_bytes(b"xid\r\n")
    stop = threading.Event()

    def copy_slowly() -> None:
        while not stop.wait(0.005):
            with path.open("ab") as file:
                file.write(b"1\r\n")

    writer = threading.Thread(target=copy_slowly)
    writer.start()
    try:
        with pytest.raises(FileChanged):
            FolderBucket(bucket.root, settle_seconds=0.3).fetch(KEY, tmp_path / "fetched")
    finally:
        stop.set()
        writer.join()

    assert not (tmp_path / "fetched").exists()


def test_a_write_that_keeps_size_and_time_still_changes_the_etag(bucket: FolderBucket) -> None:
    """`cp -p` and `rsync --times` set the modification time back to that of the original."""
    path = bucket.root / KEY
    path.write_bytes(b"xid\r\n1\r\n")
    before = bucket.head(KEY)
    then = path.stat()
    let_the_file_clock_tick(bucket.root / "clock", then.st_ctime_ns)

    path.write_bytes(b"xid\r\n2\r\n")
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))

    after = bucket.head(KEY)
    assert before is not None
    assert after is not None
    assert after.modified_at == before.modified_at
    assert after.etag != before.etag


def test_what_is_still_being_put_is_no_object(bucket: FolderBucket) -> None:
    (bucket.root / "qa/warehouse/.incoming-1").write_bytes(b"half")

    assert bucket.head("qa/warehouse/.incoming-1") is None
    assert bucket.list_objects("qa/") == []


def test_names_that_are_no_text_are_passed_over(bucket: FolderBucket) -> None:
    Path(os.fsdecode(os.fsencode(bucket.root / "qa/warehouse") + b"/\xff.csv")).touch()

    assert bucket.list_objects("qa/") == []


def test_putting_leaves_nothing_but_the_file(bucket: FolderBucket, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(b"xid\r\n")
    bucket.put(KEY, tmp_path / "content")
    (bucket.root / "qa/warehouse/folder").mkdir()
    with pytest.raises(BucketUnavailable):
        bucket.put("qa/warehouse/folder", tmp_path / "content")

    assert sorted(path.name for path in (bucket.root / "qa/warehouse").iterdir()) == [
        "folder",
        "warehouse.csv",
    ]


def test_a_store_whose_folder_is_gone_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(BucketUnavailable, match="FileNotFoundError"):
        FolderBuckets(tmp_path / "gone").ping()
