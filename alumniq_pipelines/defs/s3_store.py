"""dagster-aws's S3 resource with the same client as the gateway's.

The resource's own client waits five times 60 seconds for a store that is unavailable, and addresses
the buckets of a private store by host names that do not exist.
"""

from typing import Any

from dagster_aws.s3 import S3Resource

from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client
from alumniq_pipelines.settings import Settings


class S3Store(S3Resource):
    """The store of all customers' buckets."""

    def get_client(self) -> Any:
        """Return a client with short timeouts, and path-style addresses for private stores."""
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
