"""The S3 key sensor: customers' S3 keys turn over every quarter."""

from datetime import UTC, datetime
from typing import assert_never

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.settings import Settings


def s3_key_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor.

    A sensor, not a schedule: what was due on a day on which nothing ran is done at the next tick.
    """

    @dg.sensor(
        name="s3_keys",
        minimum_interval_seconds=3_600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes S3 keys on the 10th of a quarter's first month, ends old ones the 20th.",
    )
    def s3_keys(ledger: dg.ResourceParam[Ledger]) -> dg.SkipReason:
        match settings.s3_keys:
            case "by-hand":
                return dg.SkipReason("S3 keys are made by hand (ALUMNIQ_S3_KEYS).")
            case "iam":
                return _rotate(ledger, settings)
        assert_never(settings.s3_keys)

    return s3_keys


def _rotate(ledger: Ledger, settings: Settings) -> dg.SkipReason:
    """Do what is due today; the tick's message counts it."""
    from alumniq_pipelines.adapters.encryption import SecretCipher
    from alumniq_pipelines.adapters.iam import AccessKeys
    from alumniq_pipelines.services.s3_key_rotation import S3KeyRotation

    secret = settings.s3_secret_access_key
    store = AccessKeys.at(
        settings.iam_endpoint_url,
        settings.s3_region,
        settings.s3_access_key_id,
        None if secret is None else secret.get_secret_value(),
    )
    cipher = SecretCipher.from_file(settings.encryption_key_file)
    done = S3KeyRotation(ledger, store, cipher).run(datetime.now(UTC))
    return dg.SkipReason(f"{done.made} made, {done.warned} warned of, {done.ended} ended.")
