"""What only S3 can do wrong: be away, refuse the keys, break off in the middle."""

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.adapters.bucket import s3
from alumniq_pipelines.adapters.bucket.s3 import S3Bucket, S3Buckets, s3_client
from alumniq_pipelines.core.problems.outage import BucketUnavailable, FileRefused
from alumniq_pipelines.core.problems.problem import Problem

KEY = "qa/warehouse/warehouse.csv"
SECRET = "wJalrXUtnFEMI/K7MDENG"


def buckets_at(endpoint: str) -> S3Buckets:
    """Open a store with keys whose secret must never be seen."""
    return S3Buckets(
        s3_client(
            endpoint_url=endpoint,
            region="us-east-1",
            access_key_id="AKIAEXAMPLE",
            secret_access_key=SECRET,
        )
    )


class Rude(BaseHTTPRequestHandler):
    """Responds as a failing store does, by the name of the bucket."""

    def do_HEAD(self) -> None:
        """Respond as to GET; the body is dropped."""
        self.do_GET()

    def do_GET(self) -> None:
        """Break off in the middle of an object, or refuse."""
        if "breaks-off" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.send_header("ETag", '"e"')
            self.send_header("Last-Modified", "Wed, 25 Nov 2026 01:00:00 GMT")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        else:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing."""


@pytest.fixture
def rude_endpoint() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Rude) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def nobody() -> str:
    """An endpoint at which nothing listens."""
    with socketserver.TCPServer(("127.0.0.1", 0), Rude) as server:
        port = server.server_address[1]
    return f"http://127.0.0.1:{port}"


def raised_problems(bucket: S3Bucket, destination: Path) -> list[Problem]:
    """Call every method of a bucket, and return the errors."""
    problems: list[Problem] = []
    for ask in (
        lambda: bucket.head(KEY),
        lambda: bucket.fetch(KEY, destination),
        lambda: bucket.list_objects("qa/"),
    ):
        with pytest.raises(BucketUnavailable) as caught:
            ask()
        problems.append(caught.value)
    return problems


def test_a_store_that_is_away_is_an_outage(nobody: str, tmp_path: Path) -> None:
    buckets = buckets_at(nobody)
    problems = raised_problems(buckets.open("iqu"), tmp_path / "fetched")
    with pytest.raises(BucketUnavailable, match="EndpointConnectionError"):
        buckets.ping()

    assert all("EndpointConnectionError" in str(problem) for problem in problems)


def test_a_refusal_is_an_outage_and_shows_no_secret(rude_endpoint: str, tmp_path: Path) -> None:
    problems = raised_problems(buckets_at(rude_endpoint).open("refuses"), tmp_path / "fetched")

    for problem in problems:
        assert problem.__cause__ is None
        assert problem.__suppress_context__
        assert SECRET not in str(problem)
        assert "AKIA" not in str(problem)


def test_a_refused_file_is_reported_with_the_permission_that_may_be_missing(
    rude_endpoint: str, tmp_path: Path
) -> None:
    """S3 refuses what is missing to whom it may not list."""
    bucket = buckets_at(rude_endpoint).open("refuses")
    with pytest.raises(FileRefused, match="s3:ListBucket"):
        bucket.head(KEY)
    with pytest.raises(FileRefused, match="s3:ListBucket"):
        bucket.fetch(KEY, tmp_path / "fetched")


def test_being_refused_the_list_of_buckets_counts_as_available(rude_endpoint: str) -> None:
    buckets_at(rude_endpoint).ping()


def test_an_answer_that_breaks_off_leaves_no_half_file(rude_endpoint: str, tmp_path: Path) -> None:
    bucket = buckets_at(rude_endpoint).open("breaks-off")

    with pytest.raises(BucketUnavailable):
        bucket.fetch(KEY, tmp_path / "fetched")

    assert not (tmp_path / "fetched").exists()


def test_a_client_gives_up_soon() -> None:
    config: Any = s3_client(region="us-east-1").meta.config

    assert (config.connect_timeout, config.read_timeout) == (s3.CONNECT_SECONDS, s3.READ_SECONDS)
    assert config.retries["total_max_attempts"] == s3.TOTAL_ATTEMPTS
