"""Buckets in S3 or a compatible store."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alumniq_pipelines.adapters.bucket.download import CHUNK_BYTES, write_completely
from alumniq_pipelines.core.loads.bucket import StoredFile, object_key_error, validate_bucket_name
from alumniq_pipelines.core.problems.filename import (
    FileArchivedByStore,
    FileEncryptedByCustomer,
    UnusableFilename,
)
from alumniq_pipelines.core.problems.outage import (
    BucketDenied,
    BucketElsewhere,
    BucketGone,
    BucketUnavailable,
    FileChanged,
    FileDenied,
    FileKeyDenied,
    FileRefused,
)
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import RequestProblem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 2
READ_SECONDS = 10
TOTAL_ATTEMPTS = 2
"""An unavailable store is recognized after 24 s at most; callers retry later."""

NOT_FOUND_CODES = {"NoSuchKey", "NotFound", "404"}
CHANGED_CODES = {"PreconditionFailed", "412"}
REFUSED_CODES = {"AccessDenied", "Forbidden", "403", "AllAccessDisabled"}
ELSEWHERE_CODES = {
    "301",
    "307",
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",  # signed for another region
    "IllegalLocationConstraintException",
}

ARCHIVE_CLASSES = {"GLACIER", "DEEP_ARCHIVE"}
"""Objects in GLACIER_IR (instant retrieval) can be read like any other."""

SERVER_ERROR = 500
"""From this status on, another request would only fail as well."""

CHECK_KEY = "alumniq-check"
"""The key of an upload that is begun and given up, to see whether it would be allowed."""

FOLDER_SUFFIXES = ("/", "_$folder$")


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
        """Return the facts of an object without reading it; None if there is none.

        Raises FileArchivedByStore and FileEncryptedByCustomer for one that nobody can read.
        """
        if object_key_error(key) is not None:
            return None
        with _errors_as_outage():
            try:
                found = self.client.head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if _code(error) in NOT_FOUND_CODES:
                    self._require_bucket()
                else:
                    self._explain_head(key, error)
                return None
        _require_retrievable(key, found)
        return _stored(key, found)

    def fetch(self, key: str, destination: Path, etag: str | None = None) -> StoredFile | None:
        """Download an object to a local file and return its facts; None if there is none.

        One GET reads one version, whatever is uploaded meanwhile. Raises FileChanged if the object
        does not have the given `etag`, FileArchivedByStore and FileEncryptedByCustomer.
        """
        if object_key_error(key) is not None:
            return None
        pinned: dict[str, Any] = {} if etag is None else {"IfMatch": f'"{etag}"'}
        with _errors_as_outage():
            try:
                response = self.client.get_object(Bucket=self.name, Key=key, **pinned)
            except ClientError as error:
                if self._is_missing(key, error):
                    return None
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
        """List objects whose key starts with `prefix`, in order of key.

        Objects that consoles and Hadoop create for a folder are no files and are left out.
        """
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
                if not item["Key"].endswith(FOLDER_SUFFIXES)
            ]

    def check(self) -> None:
        """Check that objects can be listed, read and written, and leave nothing behind."""
        for stored in self.list_objects("", limit=1):
            with suppress(RequestProblem):  # this one is in an archive, or encrypted by its sender
                self.head(stored.key)
        # An upload in parts is no object until it is completed.
        upload: Any = {"Bucket": self.name, "Key": CHECK_KEY}
        with _errors_as_outage():
            upload_id = self.client.create_multipart_upload(**upload)["UploadId"]
            self.client.abort_multipart_upload(**upload, UploadId=upload_id)

    def _require_bucket(self) -> None:
        """Raise if the bucket is gone: a response to HEAD has no body that says what is missing."""
        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError as error:
            # Looking at a bucket takes the permission to list it, which some customers do not give;
            # but what is denied is there.
            if _code(error) in NOT_FOUND_CODES:
                raise BucketGone(_code(error)) from None
            if _code(error) not in REFUSED_CODES:
                raise

    def _explain_head(self, key: str, error: ClientError) -> None:
        """Raise why HEAD failed; return None if it turns out that there is no such object.

        Its response has no body, so that a GET of the first byte is needed to learn the reason.
        """
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
            raise error
        try:
            self.client.get_object(Bucket=self.name, Key=key, Range="bytes=0-0")["Body"].close()
        except ClientError as explained:
            if self._is_missing(key, explained):
                return
            raise
        raise error

    def _is_missing(self, key: str, error: ClientError) -> bool:
        """Whether a GET failed because there is no such object; raises what else is known."""
        code = _code(error)
        if code in NOT_FOUND_CODES:
            return True
        known = _known_problem(key, error)
        if known is not None:
            raise known from None
        if code not in REFUSED_CODES:
            return False
        # Without the permission to list, S3 denies what is missing. With it, the list decides.
        try:
            listed = self.client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        except ClientError:
            raise FileRefused(code) from None
        if any(item["Key"] == key for item in listed.get("Contents", [])):
            raise FileDenied(code) from None
        return True


@dataclass(frozen=True, slots=True)
class S3Buckets:
    """All buckets that the client may access."""

    client: "S3Client"

    @property
    def is_remote(self) -> bool:
        """A store is asked over the network."""
        return True

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


def _require_retrievable(key: str, found: Any) -> None:
    """Raise FileArchivedByStore if an object has to be restored before it can be read."""
    # ArchiveStatus is that of objects which intelligent tiering has put into an archive.
    is_archived = found.get("StorageClass") in ARCHIVE_CLASSES or "ArchiveStatus" in found
    restore = found.get("Restore", "")
    if is_archived and 'ongoing-request="false"' not in restore:
        raise FileArchivedByStore(key, is_restoring='ongoing-request="true"' in restore)


def _known_problem(key: str, error: ClientError) -> Problem | None:
    """Return the problem of an object that is there, if a response to GET names it."""
    code, message = _code(error), (error.response["Error"].get("Message") or "").lower()
    if code in CHANGED_CODES:
        return FileChanged(key)
    if code == "InvalidObjectState":
        return FileArchivedByStore(key)
    # The message alone tells some kinds apart; it is read and never shown.
    if code == "InvalidRequest" and "encryption" in message:
        return FileEncryptedByCustomer(key)
    is_of_key = "kms:" in message or "ciphertext" in message
    if code.startswith("KMS.") or (code in REFUSED_CODES and is_of_key):
        return FileKeyDenied(code)
    return None


def _chunks(body: Any) -> Iterator[bytes]:
    """Yield the content of a response; a response that breaks off is an outage."""
    with _errors_as_outage():
        yield from body.iter_chunks(CHUNK_BYTES)


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Raise a problem with S3's error code or the driver's exception class, never with its text."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in REFUSED_CODES:
            raise BucketDenied(code) from None
        if code == "NoSuchBucket":
            raise BucketGone(code) from None
        if code in ELSEWHERE_CODES:
            raise BucketElsewhere(code) from None
        raise BucketUnavailable(code) from None
    except BotoCoreError as error:
        raise BucketUnavailable(type(error).__name__) from None
