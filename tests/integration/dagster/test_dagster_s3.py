"""What Dagster does with S3: its own resource for files, and the sensor that rotates keys."""

from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.defs.resources import resources
from alumniq_pipelines.defs.sensors.s3_key_rotation import s3_key_sensor
from alumniq_pipelines.settings import Settings


def test_the_buckets_of_runs_are_opened_through_dagsters_s3_resource(
    s3_endpoint: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "bucket": "s3",
            "s3_endpoint_url": s3_endpoint,
            "s3_access_key_id": "made-up",
            "s3_secret_access_key": "made-up",
        }
    )
    file = tmp_path / "warehouse.csv"
    file.write_text("xid\n001\n", encoding="utf-8")
    with dg.build_resources({"buckets": resources(settings)["buckets"]}) as opened:
        bucket = opened.buckets.create("iqu-feeds")
        bucket.put("qa/warehouse/warehouse.csv", file)
        stored = bucket.head("qa/warehouse/warehouse.csv")
    assert stored is not None
    assert stored.size_bytes == file.stat().st_size


@pytest.mark.parametrize(
    ("made_by", "reason"),
    [
        ("by-hand", "S3 keys are managed by hand (ALUMNIQ_S3_KEYS)."),
        ("iam", "S3 keys: 0 created, 0 warned about, 0 ended."),
    ],
)
def test_the_tick_of_the_s3_key_sensor_says_what_it_did(
    made_by: str, reason: str, s3_endpoint: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "s3_keys": made_by,
            "iam_endpoint_url": s3_endpoint,
            "s3_access_key_id": "made-up",
            "s3_secret_access_key": "made-up",
        }
    )
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
        tick = s3_key_sensor(settings).evaluate_tick(
            dg.build_sensor_context(resources={"ledger": ledger})
        )
    assert tick.skip_message == reason
