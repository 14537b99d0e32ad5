"""Monitoring waits for customers' buckets together, and not for those that hang."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from alumniq_pipelines.adapters.bucket.folder import FolderBucket, FolderBuckets
from alumniq_pipelines.core.loads.bucket import StoredFile
from alumniq_pipelines.core.monitoring.conditions import customer_bucket_unavailable
from alumniq_pipelines.core.problems.outage import BucketUnavailable, FileDenied
from alumniq_pipelines.services import bucket_conditions
from alumniq_pipelines.services.bucket_conditions import probe_buckets


@dataclass(frozen=True, slots=True)
class HangingBucket(FolderBucket):
    """A bucket that lists nothing until it is released."""

    released: Event = field(default_factory=Event)

    def list_objects(self, prefix: str, limit: int = 1_000) -> list[StoredFile]:
        """Wait, then list nothing."""
        del prefix, limit
        self.released.wait(60)
        return []


@dataclass(frozen=True, slots=True)
class SomeHang(FolderBuckets):
    """Buckets of which those that are called so hang."""

    released: Event = field(default_factory=Event)

    def open(self, name: str) -> FolderBucket:
        """Open a bucket."""
        if name.startswith("hangs"):
            return HangingBucket(self.root / name, 0, self.released)
        return super(SomeHang, self).open(name)


def test_a_bucket_that_hangs_delays_no_other_and_one_that_was_not_asked_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_conditions, "PROBE_THREADS", 3)
    monkeypatch.setattr(bucket_conditions, "PROBE_SECONDS", 0.3)
    buckets = SomeHang(tmp_path)
    buckets.create("responds")
    try:
        found = probe_buckets(
            buckets, ["responds", "gone", "hangs-1", "hangs-2", "hangs-3", "late"]
        )
    finally:
        buckets.released.set()

    assert found["responds"] is None
    problems = [found[name] for name in ("gone", "hangs-1", "hangs-2", "hangs-3")]
    assert all(isinstance(problem, BucketUnavailable) for problem in problems)
    assert "no response within 0.3 seconds" in str(found["hangs-1"])
    assert "late" not in found


def test_without_buckets_nothing_is_asked(tmp_path: Path) -> None:
    assert probe_buckets(SomeHang(tmp_path), []) == {}


def test_no_bucket_is_left_out_of_every_pass_because_others_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With sixteen that hung, the incident of a later one that responded again never closed."""
    monkeypatch.setattr(bucket_conditions, "PROBE_THREADS", 2)
    monkeypatch.setattr(bucket_conditions, "PROBE_SECONDS", 0.05)
    buckets = SomeHang(tmp_path)
    buckets.create("responds")
    names = ["hangs-1", "hangs-2", "hangs-3", "responds"]
    keys = [customer_bucket_unavailable(name, BucketUnavailable("?")).key for name in names]
    asked: set[str] = set()
    try:
        for _ in range(60):
            found, unknown = bucket_conditions.bucket_conditions(buckets, keys)
            assert {condition.key for condition in found} | unknown <= set(keys)
            asked |= set(keys) - unknown
    finally:
        buckets.released.set()

    assert asked == set(keys)


@dataclass(frozen=True, slots=True)
class DeniedBucket(FolderBucket):
    """A bucket that lists its files and lets nobody read one."""

    def head(self, key: str) -> StoredFile | None:
        """Deny it."""
        raise FileDenied(key)


class AllDenied(FolderBuckets):
    """Buckets that let nobody read a file."""

    def open(self, name: str) -> FolderBucket:
        """Open a bucket."""
        return DeniedBucket(self.root / name, 0)


def test_a_file_is_tried_behind_the_reports_of_years(tmp_path: Path) -> None:
    """Behind a thousand reports it was not seen, and its bucket counted as one that responds."""
    buckets = AllDenied(tmp_path)
    root = buckets.create("iqu").root / "qa" / "warehouse"
    (root / "reports").mkdir()
    for number in range(1_001):
        (root / "reports" / f"{number}.csv").touch()
    (root / "warehouse.csv").touch()

    assert isinstance(probe_buckets(buckets, ["iqu"])["iqu"], FileDenied)
