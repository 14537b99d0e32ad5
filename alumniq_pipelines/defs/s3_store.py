"""dagster-aws's S3 resource, making the client that the gateway has too.

Its own client waits 60 seconds for a store that is away, five times over, and looks for buckets of
a private store under host names that nobody has set up.
"""

from typing import Any

from dagster_aws.s3 import S3Resource

from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client
from alumniq_pipelines.settings import Settings


class S3Store(S3Resource):
    """The store in which all customers' buckets lie."""

    def get_client(self) -> Any:
        """Make a client with short timeouts, and with bucket names in paths at other endpoints."""
        return s3_client(
            endpoint_url=self.endpoint_url,
            region=self.region_name,
            access_key_id=self.aws_access_key_id,
            secret_access_key=self.aws_secret_access_key,
        )


def s3_buckets(settings: Settings) -> S3Buckets:
    """Open the store that the settings name."""
    secret = settings.s3_secret_access_key
    store = S3Store(
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    return S3Buckets(store.get_client())
