"""Buckets in S3 or a compatible store."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alumniq_pipelines.adapters.bucket.download import CHUNK_BYTES, write_completely
from alumniq_pipelines.core.loads.bucket import StoredFile, object_key_error, validate_bucket_name
from alumniq_pipelines.core.problems.outage import BucketUnavailable, FileChanged, FileRefused
from alumniq_pipelines.core.problems.request import UnusableFilename

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 2
READ_SECONDS = 10
TOTAL_ATTEMPTS = 2
"""An unavailable store is recognized after 24 s at most; callers retry later."""

NOT_FOUND_CODES = {"NoSuchKey", "NotFound", "404"}
CHANGED_CODES = {"PreconditionFailed", "412"}
REFUSED_CODES = {"AccessDenied", "Forbidden", "403"}


def s3_client(
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
) -> "S3Client":
    """Return a client for the store; without keys it uses the usual AWS credential chain."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS},
        tcp_keepalive=True,
        max_pool_connections=40,  # the size of Starlette's thread pool
        # Private stores rarely have a DNS name per bucket, and not all of them support checksums.
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        request_checksum_calculation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=config,
    )


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """One bucket; the client may come from Dagster's `S3Resource.get_client()`."""

    client: "S3Client"
    name: str

    def head(self, key: str) -> StoredFile | None:
        """Return the facts of an object without reading it; None if there is none."""
        if object_key_error(key) is not None:
            return None
        with _errors_as_outage():
            try:
                return _stored(key, self.client.head_object(Bucket=self.name, Key=key))
            except ClientError as error:
                if _code(error) in REFUSED_CODES:
                    raise FileRefused(_code(error)) from None
                if _code(error) not in NOT_FOUND_CODES:
                    raise
            # A HEAD response has no body, so 404 may also mean that the bucket is missing: raise
            # then.
            self.client.head_bucket(Bucket=self.name)
            return None

    def fetch(self, key: str, destination: Path, etag: str | None = None) -> StoredFile | None:
        """Download an object to a local file and return its facts; None if there is none.

        One GET reads one version, whatever is uploaded meanwhile. Raises FileChanged if the object
        does not have the given `etag`.
        """
        if object_key_error(key) is not None:
            return None
        pinned: dict[str, Any] = {} if etag is None else {"IfMatch": f'"{etag}"'}
        with _errors_as_outage():
            try:
                response = self.client.get_object(Bucket=self.name, Key=key, **pinned)
            except ClientError as error:
                if _code(error) in NOT_FOUND_CODES:
                    return None
                if _code(error) in CHANGED_CODES:
                    raise FileChanged(key) from None
                if _code(error) in REFUSED_CODES:
                    raise FileRefused(_code(error)) from None
                raise
        with closing(response["Body"]) as body:
            write_completely(_chunks(body), destination)
        return _stored(key, response)

    def put(self, key: str, source: Path) -> StoredFile:
        """Upload a local file under a key; large files go in parts, and appear when complete."""
        key_error = object_key_error(key)
        if key_error is not None:
            raise UnusableFilename(key_error)
        with source.open("rb") as content, _errors_as_outage():
            self.client.upload_fileobj(content, self.name, key)
            return _stored(key, self.client.head_object(Bucket=self.name, Key=key))

    def remove(self, key: str) -> None:
        """Delete an object; harmless where there is none."""
        with _errors_as_outage():
            self.client.delete_object(Bucket=self.name, Key=key)

    def list_objects(self, prefix: str, limit: int = 1_000) -> Sequence[StoredFile]:
        """List objects whose key starts with `prefix`, in order of key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, PaginationConfig={"MaxItems": limit}
        )
        with _errors_as_outage():
            return [
                StoredFile(
                    key=item["Key"],
                    size_bytes=item["Size"],
                    etag=item["ETag"].strip('"'),
                    modified_at=item["LastModified"],
                )
                for page in pages
                for item in page.get("Contents", [])
            ]


@dataclass(frozen=True, slots=True)
class S3Buckets:
    """All buckets that the client may access."""

    client: "S3Client"

    def open(self, name: str) -> S3Bucket:
        """Return a customer's bucket; whether it exists is checked only when it is used."""
        return S3Bucket(self.client, validate_bucket_name(name))

    def create(self, name: str) -> S3Bucket:
        """Create the bucket unless it exists."""
        bucket = self.open(name)
        region = self.client.meta.region_name
        # Amazon requires the region here, but refuses us-east-1, its default.
        region_options: Any = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with _errors_as_outage():
            try:
                self.client.head_bucket(Bucket=name)
            except ClientError as error:
                if _code(error) not in NOT_FOUND_CODES:
                    raise
                self.client.create_bucket(
                    Bucket=name, **({} if region == "us-east-1" else region_options)
                )
        return bucket

    def ping(self) -> None:
        """Check that the store responds to a list of buckets; a denial is a response, too."""
        with _errors_as_outage():
            try:
                self.client.list_buckets(MaxBuckets=1)
            except ClientError as error:
                if _code(error) not in REFUSED_CODES:
                    raise


def _stored(key: str, response: Any) -> StoredFile:
    """Return the facts of an object from a HEAD or GET response."""
    return StoredFile(
        key=key,
        size_bytes=response["ContentLength"],
        etag=response["ETag"].strip('"'),
        modified_at=response["LastModified"],
    )


def _chunks(body: Any) -> Iterator[bytes]:
    """Yield the content of a response; a response that breaks off is an outage."""
    with _errors_as_outage():
        yield from body.iter_chunks(CHUNK_BYTES)


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Raise BucketUnavailable with S3's error code or the driver's exception class."""
    try:
        yield
    except ClientError as error:
        raise BucketUnavailable(_code(error)) from None
    except BotoCoreError as error:
        raise BucketUnavailable(type(error).__name__) from None
