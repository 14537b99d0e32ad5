"""Opening what the settings name, for processes that are not Dagster's: gateway and commands."""

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.core.bucket import Buckets
from alumniq_pipelines.settings import Settings


def open_buckets(settings: Settings) -> Buckets:
    """Open the store that customers deliver to; the folder of a new installation is made."""
    if settings.bucket == "folder":
        settings.buckets_dir.mkdir(parents=True, exist_ok=True)
        return FolderBuckets(settings.buckets_dir)
    # The embedded profile never needs boto3, which is a third of the gateway's time to start.
    from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client  # noqa: PLC0415

    secret = settings.s3_secret_access_key
    return S3Buckets(
        s3_client(
            endpoint_url=settings.s3_endpoint_url,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=None if secret is None else secret.get_secret_value(),
        )
    )
