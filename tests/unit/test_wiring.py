"""What the settings name is what is opened, and nothing is opened by default."""

from pathlib import Path

import pytest

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.bucket.s3 import S3Buckets
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_buckets


def test_the_bucket_of_the_settings_is_opened(tmp_path: Path) -> None:
    assert isinstance(open_buckets(Settings(data_dir=tmp_path)), FolderBuckets)
    assert (tmp_path / "buckets").is_dir()
    assert isinstance(open_buckets(Settings(bucket="s3")), S3Buckets)


def test_dagster_opens_s3_through_its_own_resource(tmp_path: Path) -> None:
    used: list[Settings] = []

    def own(settings: Settings) -> FolderBuckets:
        used.append(settings)
        return FolderBuckets(tmp_path)

    settings = Settings(bucket="s3")
    assert open_buckets(settings, own) == FolderBuckets(tmp_path)
    assert used == [settings]


def test_a_bucket_that_nobody_wired_is_not_taken_for_s3() -> None:
    settings = Settings().model_copy(update={"bucket": "ftp"})
    with pytest.raises(AssertionError):
        open_buckets(settings)
