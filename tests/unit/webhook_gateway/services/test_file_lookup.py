"""What of a filename is the folder of its key, and what is its name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.adapters.bucket.folder import FolderBucket
from alumniq_pipelines.core.loads.bucket import StoredFile, folder_of
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.filename import FileNotInBucket, UnusableFilename
from alumniq_pipelines.core.problems.outage import FileRefused
from webhook_gateway.services.file_lookup import MAX_HINT_THREADS, FileLookup, cut_folder

NAMES = st.from_regex(r"[a-z0-9é][a-z0-9é ._-]{0,20}(/[a-z0-9]{1,5}){0,2}\.csv", fullmatch=True)
FRONTS = ("", "/", "s3://some-bucket/", "some-bucket/", "https://s3.example.edu/some-bucket/")


@given(NAMES, st.sampled_from(FRONTS), st.sampled_from(Environment))
def test_a_key_in_any_spelling_is_cut_to_the_name_and_its_environment(
    name: str, front: str, environment: Environment
) -> None:
    assert cut_folder(f"{front}{environment}/warehouse/{name}") == (name, environment)


@pytest.mark.parametrize(
    "filename",
    ["warehouse.csv", "warehouse", "qa", "2026/warehouse/x.csv", "warehouse-qa/x.csv", "a b.csv"],
)
def test_a_plain_name_is_left_as_it_is(filename: str) -> None:
    assert cut_folder(filename) == (filename, None)


@pytest.mark.parametrize(
    ("filename", "environment"),
    [
        ("warehouse/x.csv", None),
        ("/x.csv", None),
        ("qa/x.csv", Environment.QA),
        ("production/x.csv", Environment.PRODUCTION),
        ("\\warehouse\\x.csv", None),
        ("s3://some-bucket/x.csv", None),
    ],
)
def test_a_part_of_the_folder_in_front_is_cut_too(
    filename: str, environment: Environment | None
) -> None:
    assert cut_folder(filename) == ("x.csv", environment)


@given(st.text())
def test_any_text_has_a_name(filename: str) -> None:
    name, _ = cut_folder(filename)
    assert name or not filename


@dataclass(frozen=True, slots=True)
class QaBucket(FolderBucket):
    """A bucket in which our own keys may read the folder of QA only."""

    def head(self, key: str) -> StoredFile | None:
        """Look at an object; deny all of other folders, as S3 does."""
        if not key.startswith(folder_of(Environment.QA)):
            code = "403"
            raise FileRefused(code)
        return super(QaBucket, self).head(key)


@pytest.mark.parametrize(
    ("filename", "problem"),
    [("x.csv", FileNotInBucket), ("/production/warehouse/x.csv", UnusableFilename)],
)
def test_a_folder_that_we_may_not_read_costs_a_hint_and_not_the_refusal(
    tmp_path: Path, filename: str, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        FileLookup().find(QaBucket(tmp_path), Environment.QA, filename)


@dataclass(frozen=True, slots=True)
class UnlistableBucket(FolderBucket):
    """A bucket that our own keys may read and not list."""

    def list_objects(self, prefix: str, limit: int = 1_000) -> Sequence[StoredFile]:
        """Deny every list, as S3 does."""
        del prefix, limit
        code = "403"
        raise FileRefused(code)


def test_a_list_that_fails_costs_a_hint_and_not_the_refusal(tmp_path: Path) -> None:
    """It once made a 503 of a file that was known not to be there."""
    with pytest.raises(FileNotInBucket, match="Upload it first"):
        FileLookup().find(UnlistableBucket(tmp_path), Environment.QA, "x.csv")


@dataclass(frozen=True, slots=True)
class SpecialBucket(FolderBucket):
    """A bucket with an object whose key no call can name, which S3 allows."""

    def list_objects(self, prefix: str, limit: int = 1_000) -> Sequence[StoredFile]:
        """List that object only."""
        del limit
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return [StoredFile(key=f"{prefix}x\\.csv", size_bytes=1, etag="1", modified_at=now)]


def test_a_name_that_no_call_can_send_is_not_suggested(tmp_path: Path) -> None:
    with pytest.raises(FileNotInBucket, match="Upload it first"):
        FileLookup().find(SpecialBucket(tmp_path), Environment.QA, "x.csv")


@dataclass(frozen=True, slots=True)
class HangingBucket(FolderBucket):
    """A bucket that responds to nothing but the question for one file, until it is released."""

    released: Event = field(default_factory=Event)

    def head(self, key: str) -> StoredFile | None:
        """Look at an object; only one is looked for at once."""
        if key != "qa/warehouse/x.csv":
            self.released.wait(60)
        return None

    def list_objects(self, prefix: str, limit: int = 1_000) -> Sequence[StoredFile]:
        """Wait, then list nothing."""
        del prefix, limit
        self.released.wait(60)
        return []


@pytest.mark.parametrize(
    ("filename", "problem"), [("x.csv", FileNotInBucket), ("/x.csv", UnusableFilename)]
)
def test_a_store_that_hangs_delays_a_refusal_no_longer_than_a_hint_may_take(
    tmp_path: Path, filename: str, problem: type[Exception]
) -> None:
    """More buckets than threads, so that some searches never begin."""
    files, released = FileLookup(hint_seconds=0.05), Event()
    try:
        for number in range(MAX_HINT_THREADS + 1):
            with pytest.raises(problem):
                files.find(HangingBucket(tmp_path, number, released), Environment.QA, filename)
        assert not released.is_set()
    finally:
        released.set()


def test_a_bucket_that_hangs_takes_the_hint_from_no_other(tmp_path: Path) -> None:
    """Its searches occupied all threads: other customers' refusals were late and without a hint."""
    (tmp_path / "qa" / "warehouse").mkdir(parents=True)
    (tmp_path / "qa" / "warehouse" / "warehouse.csv").touch()
    bucket, files = HangingBucket(tmp_path), FileLookup(hint_seconds=0.5)
    try:
        for _ in range(MAX_HINT_THREADS + 1):
            with pytest.raises(FileNotInBucket):
                files.find(bucket, Environment.QA, "x.csv")
        with pytest.raises(FileNotInBucket, match="Did you mean"):
            files.find(FolderBucket(tmp_path, 0), Environment.QA, "warehose.csv")
        assert not bucket.released.is_set()
    finally:
        bucket.released.set()


def test_a_similar_name_is_found_behind_the_reports_of_years(tmp_path: Path) -> None:
    root = tmp_path / "qa" / "warehouse"
    (root / "reports").mkdir(parents=True)
    for number in range(1_001):
        (root / "reports" / f"{number}.csv").touch()
    (root / "warehouse.csv").touch()

    with pytest.raises(FileNotInBucket, match=r"Did you mean warehouse\.csv\?"):
        FileLookup().find(FolderBucket(tmp_path, 0), Environment.QA, "warehose.csv")
