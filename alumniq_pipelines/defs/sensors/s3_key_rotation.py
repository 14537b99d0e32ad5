"""The S3 key sensor: rotates customers' S3 keys every quarter."""

from datetime import UTC, datetime
from typing import assert_never

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_cipher


def s3_key_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor.

    A sensor, not a schedule: what was due on a day without a running daemon is done at the next
    tick.
    """

    @dg.sensor(
        name="s3_keys",
        minimum_interval_seconds=3_600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "In the first month of each quarter, creates new S3 keys on the 10th and ends the old "
            "ones on the 20th."
        ),
    )
    def s3_keys(ledger: dg.ResourceParam[Ledger]) -> dg.SkipReason:
        match settings.s3_keys:
            case "by-hand":
                return dg.SkipReason("S3 keys are managed by hand (ALUMNIQ_S3_KEYS).")
            case "iam":
                from alumniq_pipelines.adapters.iam import AccessKeys
                from alumniq_pipelines.services.s3_key_rotation import S3KeyRotation

                secret = settings.s3_secret_access_key
                store = AccessKeys.at(
                    settings.iam_endpoint_url,
                    settings.s3_region,
                    settings.s3_access_key_id,
                    None if secret is None else secret.get_secret_value(),
                )
                cipher = open_cipher(settings)
                rotation = S3KeyRotation(
                    ledger=ledger, store=store, cipher=cipher, public_urls=settings.public_urls
                )
                done = rotation.run(datetime.now(UTC))
                return dg.SkipReason(
                    f"S3 keys: {done.made} created, {done.warned} warned about, {done.ended} ended."
                )
        assert_never(settings.s3_keys)

    return s3_keys
