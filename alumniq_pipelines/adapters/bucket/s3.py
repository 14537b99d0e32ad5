"""Buckets in S3, or in any store that speaks its protocol."""

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
"""A store that is away is known to be after 24 s at worst; who waits for it tries again later."""

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
    """Make a client for the store; without keys it finds them in the usual AWS chain."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS},
        tcp_keepalive=True,
        max_pool_connections=40,  # as many as Starlette has threads
        # Stores of one's own rarely have a name in DNS for each bucket, and not all know checksums.
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
    """One bucket. The client is passed in, for example by `S3Resource.get_client()`."""

    client: "S3Client"
    name: str

    def head(self, key: str) -> StoredFile | None:
        """Look at an object without reading it; None where there is none."""
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
            # An answer to HEAD has no body, so it does not say whether only the key is missing.
            self.client.head_bucket(Bucket=self.name)
            return None

    def fetch(self, key: str, destination: Path, etag: str | None = None) -> StoredFile | None:
        """Copy an object to a local file, all of one ETag, and say which; None where there is none.

        One GET reads one version, whatever is put meanwhile, so only `etag` can be found changed.
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
        """Store a local file under a key, whole or not at all; large ones go in parts."""
        flaw = object_key_error(key)
        if flaw is not None:
            raise UnusableFilename(flaw)
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
                StoredFile(item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])
                for page in pages
                for item in page.get("Contents", [])
            ]


@dataclass(frozen=True, slots=True)
class S3Buckets:
    """All buckets that the client's keys open."""

    client: "S3Client"

    def open(self, name: str) -> S3Bucket:
        """Open one customer's bucket; whether it exists shows when it is used."""
        return S3Bucket(self.client, validate_bucket_name(name))

    def create(self, name: str) -> S3Bucket:
        """Make the bucket unless it exists."""
        bucket = self.open(name)
        region = self.client.meta.region_name
        # Amazon wants the name of its region here, but refuses that of its first one.
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
        """Ask for a list of buckets; being refused the list is a sign of life, too."""
        with _errors_as_outage():
            try:
                self.client.list_buckets(MaxBuckets=1)
            except ClientError as error:
                if _code(error) not in REFUSED_CODES:
                    raise


def _stored(key: str, response: Any) -> StoredFile:
    """Describe an object by what HEAD or GET said of it."""
    return StoredFile(
        key, response["ContentLength"], response["ETag"].strip('"'), response["LastModified"]
    )


def _chunks(body: Any) -> Iterator[bytes]:
    """Read to the end; an answer that breaks off in the middle is a fault of the store."""
    with _errors_as_outage():
        yield from body.iter_chunks(CHUNK_BYTES)


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Tell S3's refusals by their code and the driver's faults by their class."""
    try:
        yield
    except ClientError as error:
        raise BucketUnavailable(_code(error)) from None
    except BotoCoreError as error:
        raise BucketUnavailable(type(error).__name__) from None
