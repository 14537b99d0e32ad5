"""Customers' buckets in S3 as they are: what each of their answers becomes for customer and staff.

A case is a state of the bucket or an answer of the store, and what we do and say. The store is a
real S3 server behind a proxy that answers single operations as S3 does when something is wrong.
"""

import json
import logging
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.s3 import S3Bucket, S3Buckets, s3_client
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.load_result import Published, check_of
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.rejection_report import ReportFormat, report_name
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.load_outcome import callback_body, notices_for
from alumniq_pipelines.core.notifications.notification import DeliveryResult
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.services.load import run_load
from alumniq_pipelines.services.load_files import LoadFile
from alumniq_pipelines.services.monitor import run_monitoring
from tests.counterparts.bucket_cases import (
    FETCHES,
    IN_BUCKET,
    JOB,
    LOOKUPS,
    NEVER_SHOWN,
    QA,
    REPORTS,
    TARGET,
    THERE,
    UNAVAILABLE,
    Case,
    Unavailable,
)
from tests.servers.gateway import (
    NOW,
    WEBHOOK,
    Caller,
    Installation,
    call,
    errors,
    serve_installation,
)
from tests.servers.s3_faults import Answer, Hang, S3Faults
from webhook_gateway.app import create_app
from webhook_gateway.services.bucket_slots import MAX_LOOKUPS

MINUTE = timedelta(minutes=1)
STAFF = Staff(mail_recipients(("ops@example.org",)))
SENT = DeliveryResult(delivered=True, detail="250")


@cache
def buckets_at(endpoint: str) -> S3Buckets:
    """Open a store."""
    keys = {"access_key_id": "test", "secret_access_key": "test"}
    return S3Buckets(s3_client(endpoint_url=endpoint, region="us-east-1", **keys))


@dataclass(frozen=True)
class Gateway:
    """A gateway in this process, whose customer's bucket is in the store behind the proxy."""

    client: TestClient
    caller: Caller
    faults: S3Faults
    bucket: S3Bucket
    direct: Any

    def put(self, key: str, **options: Any) -> None:
        """Put an object into the bucket, past the proxy."""
        self.direct.put_object(Bucket=self.bucket.name, Key=key, Body=b"xid\n", **options)


@pytest.fixture
def bucket_name(s3_endpoint: str) -> str:
    """Create a bucket."""
    name = f"iqu-{uuid4().hex}"
    buckets_at(s3_endpoint).create(name)
    return name


@pytest.fixture
def gateway(
    installation: Installation,
    catalog: Catalog,
    s3_endpoint: str,
    s3_faults: S3Faults,
    bucket_name: str,
) -> Iterator[Gateway]:
    """Open a gateway for a customer whose bucket is in S3."""
    buckets = buckets_at(s3_faults.url)
    installation.ledger.customers.add(Customer("iqu", "IQU", bucket_name), NOW)
    app = create_app(
        installation.settings,
        ledger=installation.ledger,
        buckets=buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    with TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50_000)) as client:
        yield Gateway(
            client,
            installation.caller("iqu", Environment.QA),
            s3_faults,
            buckets.open(bucket_name),
            buckets_at(s3_endpoint).client,
        )


@pytest.mark.parametrize("case", LOOKUPS.values(), ids=LOOKUPS)
def test_each_answer_of_a_bucket_has_its_own_true_answer_to_the_call(
    gateway: Gateway, case: Case
) -> None:
    for key in case.keys:
        gateway.put(key, **case.options)
    gateway.faults.answers.update(case.answers)

    response = call(gateway.client, gateway.caller, filename=case.filename)

    text = response.text if response.status_code == 200 else " ".join(errors(response))
    assert (response.status_code, text) == (case.status, text)
    for words in case.says:
        assert words in text
    for words in (*case.says_not, *NEVER_SHOWN):
        assert words not in text
    assert ("retry-after" in response.headers) is (case.status == 503)


@pytest.mark.parametrize(("answer", "code"), FETCHES.values(), ids=FETCHES)
def test_each_answer_of_a_bucket_has_its_own_problem_when_a_load_fetches_its_file(
    gateway: Gateway, tmp_path: Path, answer: Answer, code: str | None
) -> None:
    gateway.put(THERE[0])
    gateway.faults.answers["GET object"] = answer
    destination = tmp_path / "fetched"

    found: Any = None
    try:
        found = gateway.bucket.fetch(THERE[0], destination)
    except Exception as problem:  # noqa: BLE001 - whatever it is, its code is compared
        found = problem

    assert getattr(found, "code", None) == code
    assert not any(words in str(found) for words in NEVER_SHOWN)
    assert not destination.exists()


PEOPLE = FieldMap.model_validate(
    {
        "name": "people",
        "path": "people.csv",
        "schema": {
            "primaryKey": ["xid"],
            "fields": [{"name": "xid"}, {"name": "visits", "type": "integer"}],
        },
    }
)


@pytest.mark.parametrize("max_rejected", [0, 9], ids=["not loaded", "loaded"])
@pytest.mark.parametrize(("answer", "report_rows", "sentence"), REPORTS.values(), ids=REPORTS)
def test_the_mail_says_of_the_report_what_was_really_done_with_it(
    gateway: Gateway,
    tmp_path: Path,
    answer: Answer | None,
    report_rows: int,
    sentence: str,
    max_rejected: int,
) -> None:
    gateway.direct.put_object(
        Bucket=gateway.bucket.name, Key=f"{QA}people.csv", Body=b"xid,visits\n1,3\n2,x\n"
    )
    if answer is not None:
        gateway.faults.answers["PUT object"] = answer
    request = LoadRequest(JOB, TARGET, "people.csv", None, None, notify_email="you@example.edu")
    load = Load(1, request, LoadState.RUNNING, 1, NOW)
    archive = FolderArchive(tmp_path / "archive")

    result = run_load(
        LoadFile(
            load=load, bucket=gateway.bucket, archive=archive, log=logging.getLogger("counterparts")
        ),
        PEOPLE,
        DuckDBWarehouse(tmp_path / "warehouse"),
        tmp_path / "scratch",
        max_rejected=max_rejected,
        now=NOW,
        report_rows=report_rows,
    )

    check = check_of(result)
    assert check is not None
    state = LoadState.SUCCEEDED if isinstance(result, Published) else LoadState.FAILED
    outcome = Outcome(state, ("An error.",), check.counts, warnings=check.warnings)
    [mail] = notices_for(load, outcome)
    assert mail.body.count(sentence) == 1
    assert (IN_BUCKET in mail.body) is (sentence == IN_BUCKET)
    assert "bucket" not in callback_body(load, outcome)
    listed = gateway.direct.list_objects_v2(Bucket=gateway.bucket.name, Prefix=f"{QA}reports/")
    assert (listed["KeyCount"] == 1) is (sentence == IN_BUCKET)
    stored = archive.folder / report_name(JOB, ReportFormat.CSV)
    assert stored.exists() is (report_rows > 0)


@pytest.mark.parametrize("is_watched", [False, True], ids=["not watched", "watched"])
@pytest.mark.parametrize("case", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_a_bucket_whose_calls_are_all_answered_503_is_one_incident_after_five_minutes(
    gateway: Gateway, catalog: Catalog, case: Unavailable, *, is_watched: bool
) -> None:
    ledger = gateway.caller.installation.ledger
    gateway.put(THERE[0])
    if is_watched:
        schedule = DeliverySchedule(cron="0 0 * * *")
        target = Target("iqu", Environment.QA, "warehouse")
        ledger.watches.set(Watch(target, schedule, NOW - timedelta(days=3)), NOW)

    def subjects(minutes: int) -> list[str]:
        now = NOW + minutes * MINUTE
        run_monitoring(ledger, buckets_at(gateway.faults.url), catalog, STAFF, now)
        pending = ledger.notifications.claim(now, MINUTE)
        for notification in pending:
            ledger.notifications.record(notification, SENT, now)
        found = [notification.notice.subject for notification in pending]
        return [subject for subject in found if gateway.bucket.name in subject]

    answers, title = case
    gateway.faults.answers.update(answers)
    notified = {}
    for minutes in (1, 4, 5, 6, 19):
        assert call(gateway.client, gateway.caller).status_code == 503
        notified[minutes] = subjects(minutes)
    gateway.faults.answers.clear()
    assert call(gateway.client, gateway.caller).status_code == 200

    title = title.format(gateway.bucket.name)
    # The call opened it at minute 0 without a watch as with one.
    assert {minutes: found for minutes, found in notified.items() if found} == {
        5: [f"Staff: {title}"]
    }
    assert f"Staff: Resolved: {title}" in subjects(20)
    assert not any(title in subject for minute in (21, 40) for subject in subjects(minute))


def test_a_bucket_that_fails_for_a_moment_notifies_nobody(
    gateway: Gateway, catalog: Catalog
) -> None:
    ledger = gateway.caller.installation.ledger
    gateway.put(THERE[0])
    gateway.faults.answers.update(UNAVAILABLE["all denied"][0])
    assert call(gateway.client, gateway.caller).status_code == 503
    gateway.faults.answers.clear()

    for minutes in (1, 2, 8):
        now = NOW + minutes * MINUTE
        run_monitoring(ledger, buckets_at(gateway.faults.url), catalog, STAFF, now)
        assert ledger.notifications.claim(now, MINUTE) == []
    assert ledger.incidents.list_open() == []


@pytest.fixture
def hanging_caller(
    installation: Installation,
    s3_faults: S3Faults,
    bucket_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Caller:
    """Prepare a customer of a gateway process whose store takes requests and answers none."""
    monkeypatch.setenv("ALUMNIQ_BUCKET", "s3")
    monkeypatch.setenv("ALUMNIQ_S3_ENDPOINT_URL", s3_faults.url)
    for name in ("ALUMNIQ_S3_ACCESS_KEY_ID", "ALUMNIQ_S3_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    now = datetime.now(UTC)
    installation.ledger.customers.add(Customer("iqu", "IQU", bucket_name), now)
    s3_faults.answers["HEAD object"] = Hang()
    return installation.caller("iqu", Environment.QA, now)


def post(url: str, caller: Caller) -> tuple[int, str, float]:
    """Call the webhook; return status, errors and seconds."""
    body = json.dumps({"apiKey": caller.key, "filename": "warehouse.csv"})
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        start = monotonic()
        connection.request("POST", WEBHOOK, body)
        response = connection.getresponse()
        text = " ".join(json.loads(response.read())["errors"])
    return response.status, text, monotonic() - start


def test_a_hundred_calls_at_once_to_a_store_that_hangs_are_all_answered_within_24_seconds(
    installation: Installation, hanging_caller: Caller
) -> None:
    """The last of them waited until threads were done with the others, 39 seconds in all."""
    with serve_installation(installation) as gateway, ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: post(gateway.url, hanging_caller), range(100)))

    assert {status for status, _, _ in answers} == {503}
    assert max(seconds for _, _, seconds in answers) < 24
    early = [seconds for _, text, seconds in answers if "earlier calls still wait" in text]
    assert len(early) == 100 - MAX_LOOKUPS
    assert max(early) < 12
    assert installation.loads() == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_gateway_that_stops_does_not_wait_for_a_store_that_hangs(
    installation: Installation,
    hanging_caller: Caller,
    s3_faults: S3Faults,
    signum: signal.Signals,
) -> None:
    with serve_installation(installation) as gateway, ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(post, gateway.url, hanging_caller) for _ in range(5)]
        for _ in calls:
            assert s3_faults.hanging.acquire(timeout=20)
        start = monotonic()
        gateway.process.send_signal(signum)
        status = gateway.process.wait(30)
        seconds = monotonic() - start
        answers = [call.result() for call in calls]

    assert seconds < 8
    assert status in {0, -signal.SIGTERM}
    assert "Traceback" not in gateway.log.read_text()
    assert {status for status, _, _ in answers} == {503}
    assert all("The service is being restarted" in text for _, text, _ in answers)
    assert installation.loads() == []
