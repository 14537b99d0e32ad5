"""What every bucket promises, asked of a folder and of a real S3 server alike."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client
from alumniq_pipelines.core.loads.bucket import Bucket, Buckets
from alumniq_pipelines.core.problems.command import UnusableBucket
from alumniq_pipelines.core.problems.filename import UnusableFilename
from alumniq_pipelines.core.problems.outage import BucketUnavailable, FileChanged

AWKWARD_NAMES = [
    "a b.csv",
    "a+b.csv",
    "a%20b.csv",
    "100%.csv",
    "what?.csv",
    "#1.csv",
    "a&b=c;d.csv",
    'it\'s "quoted".csv',
    "données été.csv",
    "卒業生.csv",
    "-rf.csv",
    "~.csv",
    ".hidden.csv",
    "2026/11/25/warehouse.csv",
]

KEYS_OF_NOTHING = [
    "",
    "/",
    "qa/warehouse/",
    "/qa/warehouse/warehouse.csv",
    "qa//warehouse.csv",
    "qa/warehouse/../warehouse/warehouse.csv",
    "../other/qa/warehouse/warehouse.csv",
    "qa/warehouse/../../../other/qa/warehouse/warehouse.csv",
    "qa/warehouse/./warehouse.csv",
    "qa/warehouse",
    "qa/warehouse/warehouse.csv/more",
    "qa/warehouse/warehouse.csv\0",
    "qa/warehouse/ware\nhouse.csv",
    "qa\\warehouse\\warehouse.csv",
    "qa/warehouse/\ud800.csv",
    "qa/warehouse/" + "n" * 300,
    "qa/warehouse/" + "n" * 2_000,
    "qa/warehouse/" + "é/" * 300 + "x",
]


@pytest.fixture(params=["folder", "s3"])
def buckets(request: pytest.FixtureRequest, tmp_path: Path) -> Buckets:
    """Open each kind of store; the files here are complete, so none needs to settle."""
    if request.param == "folder":
        return FolderBuckets(tmp_path / "buckets", settle_seconds=0)
    return S3Buckets(
        s3_client(
            endpoint_url=request.getfixturevalue("s3_endpoint"),
            region="us-east-1",
            access_key_id="test",
            secret_access_key="test",
        )
    )


@pytest.fixture
def bucket_name() -> str:
    return f"iqu-{uuid4().hex}"


@pytest.fixture
def bucket(buckets: Buckets, bucket_name: str) -> Bucket:
    return buckets.create(bucket_name)


@pytest.fixture
def content(tmp_path: Path) -> Iterator[Path]:
    """A local file of a few bytes."""
    path = tmp_path / "content.csv"
    path.write_bytes(b"xid\r\n1\r\n")
    yield path
    path.unlink(missing_ok=True)


KEY = "qa/warehouse/warehouse.csv"


def test_what_was_put_is_seen_and_fetched(bucket: Bucket, content: Path, tmp_path: Path) -> None:
    put = bucket.put(KEY, content)

    assert bucket.head(KEY) == put
    assert (put.key, put.size_bytes) == (KEY, 8)
    assert put.modified_at.utcoffset() is not None
    fetched = bucket.fetch(KEY, tmp_path / "fetched")
    assert fetched == put
    assert (tmp_path / "fetched").read_bytes() == content.read_bytes()


def test_a_file_of_many_chunks_arrives_whole(bucket: Bucket, tmp_path: Path) -> None:
    content = tmp_path / "large"
    content.write_bytes(os.urandom(20_000_001))
    bucket.put(KEY, content)

    fetched = bucket.fetch(KEY, tmp_path / "fetched")

    assert fetched is not None
    assert fetched.size_bytes == 20_000_001
    assert (tmp_path / "fetched").read_bytes() == content.read_bytes()


def test_an_empty_file_is_a_file(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    bucket.put(KEY, tmp_path / "empty")

    fetched = bucket.fetch(KEY, tmp_path / "fetched")

    assert fetched is not None
    assert (tmp_path / "fetched").read_bytes() == b""


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names_mean_only_themselves(
    bucket: Bucket, content: Path, tmp_path: Path, name: str
) -> None:
    key = f"qa/warehouse/{name}"
    put = bucket.put(key, content)

    assert bucket.head(key) == put
    assert bucket.fetch(key, tmp_path / "fetched", put.etag) == put
    assert [stored_file.key for stored_file in bucket.list_objects("qa/warehouse/")] == [key]


@pytest.mark.parametrize("key", KEYS_OF_NOTHING, ids=ascii)
def test_tricks_with_paths_find_nothing(
    buckets: Buckets, bucket: Bucket, content: Path, tmp_path: Path, key: str
) -> None:
    bucket.put(KEY, content)
    buckets.create("other").put(KEY, content)

    assert bucket.head(key) is None
    assert bucket.fetch(key, tmp_path / "fetched") is None
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize("key", ["", "/x", "a/../../x", "a\0", "\ud800", "n" * 2_000], ids=ascii)
def test_nothing_can_be_put_under_a_flawed_key(bucket: Bucket, content: Path, key: str) -> None:
    with pytest.raises(UnusableFilename):
        bucket.put(key, content)


def test_the_etag_changes_with_the_content(bucket: Bucket, content: Path) -> None:
    first = bucket.put(KEY, content)
    content.write_bytes(b"xid\r\n2\r\n")

    second = bucket.put(KEY, content)

    assert second.size_bytes == first.size_bytes
    assert second.etag != first.etag
    assert '"' not in second.etag


def test_a_file_replaced_since_is_not_fetched(
    bucket: Bucket, content: Path, tmp_path: Path
) -> None:
    first = bucket.put(KEY, content)
    content.write_bytes(b"xid\r\n2\r\n")
    bucket.put(KEY, content)

    with pytest.raises(FileChanged):
        bucket.fetch(KEY, tmp_path / "fetched", first.etag)

    assert not (tmp_path / "fetched").exists()


def test_names_are_listed_in_order_below_a_prefix(bucket: Bucket, content: Path) -> None:
    names = ["b.csv", "a/z.csv", "a.csv", "a-1.csv", "é.csv", "Z.csv", "ab.csv"]
    for name in names:
        bucket.put(f"qa/warehouse/{name}", content)
    bucket.put("production/warehouse/a.csv", content)

    listed = [
        stored_file.key.removeprefix("qa/warehouse/")
        for stored_file in bucket.list_objects("qa/warehouse/")
    ]

    assert listed == sorted(names, key=str.encode)
    assert [stored_file.key for stored_file in bucket.list_objects("qa/warehouse/a", limit=2)] == [
        "qa/warehouse/a-1.csv",
        "qa/warehouse/a.csv",
    ]
    assert list(bucket.list_objects("qa/elsewhere/")) == []


def test_a_bucket_that_is_away_is_an_outage(
    buckets: Buckets, bucket_name: str, content: Path, tmp_path: Path
) -> None:
    bucket = buckets.open(bucket_name)

    with pytest.raises(BucketUnavailable):
        bucket.head(KEY)
    with pytest.raises(BucketUnavailable):
        bucket.fetch(KEY, tmp_path / "fetched")
    with pytest.raises(BucketUnavailable):
        bucket.put(KEY, content)
    with pytest.raises(BucketUnavailable):
        bucket.list_objects("qa/")


def test_making_a_bucket_again_keeps_what_is_in_it(
    buckets: Buckets, bucket_name: str, content: Path
) -> None:
    put = buckets.create(bucket_name).put(KEY, content)

    assert buckets.create(bucket_name).head(KEY) == put


def test_buckets_do_not_see_each_other(buckets: Buckets, bucket: Bucket, content: Path) -> None:
    bucket.put(KEY, content)

    assert buckets.create(f"other-{uuid4().hex}").head(KEY) is None


@pytest.mark.parametrize(
    "name", ["", "..", "../iqu", "a/b", "IQU", "iq", "a..b", "i" * 64, "iqu\n"]
)
def test_a_bucket_has_a_plain_name(buckets: Buckets, name: str) -> None:
    with pytest.raises(UnusableBucket):
        buckets.open(name)
    with pytest.raises(UnusableBucket):
        buckets.create(name)


def test_a_full_disk_of_ours_is_not_blamed_on_the_store(
    bucket: Bucket, content: Path, tmp_path: Path
) -> None:
    bucket.put(KEY, content)

    with pytest.raises(OSError, match="No such file or directory"):
        bucket.fetch(KEY, tmp_path / "missing" / "fetched")


def test_a_store_that_lives_answers_a_ping(buckets: Buckets, bucket: Bucket) -> None:
    assert bucket.head(KEY) is None
    buckets.ping()


def test_a_check_leaves_nothing_in_a_bucket_that_can_be_used(bucket: Bucket, content: Path) -> None:
    bucket.check()
    assert list(bucket.list_objects("")) == []
    put = bucket.put(KEY, content)
    bucket.check()
    assert list(bucket.list_objects("")) == [put]


def test_a_check_finds_a_bucket_that_is_gone(buckets: Buckets, bucket_name: str) -> None:
    with pytest.raises(BucketUnavailable):
        buckets.open(bucket_name).check()
