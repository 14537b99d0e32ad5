"""What grows with customers and loads: pages, evaluations of freshness, and storage.

Measured on the installation of benchmarks.scale, whose deliveries are nearly all missed by then.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster._serdes import serialize_value  # has no public name
from sqlalchemy import func, select, text
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.ledger.expired_rows import ExpiredRows
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.defs.freshness import freshness
from alumniq_pipelines.defs.run_retention import RunRetention
from alumniq_pipelines.defs.tags import tags_of
from alumniq_pipelines.services.ledger_retention import LedgerRetention
from alumniq_pipelines.services.monitor import watch_statuses
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import open_buckets
from benchmarks.queue_bench import Bench
from benchmarks.queue_rows import customer_id
from webhook_gateway.app import create_app
from webhook_gateway.pages.page_handlers import SESSION_COOKIE

REAL_LOADS = 10
"""Carried out for Dagster's storage; the loads of the past have rows in the ledger only."""
PART_SECONDS = 0.5
FEED = "warehouse-lookups"
HEADER = '"list","code","description","sortOrder","isActive"\n'
ROWS = "".join(f'"unit","{code}","Unit {code}","{code}","true"\n' for code in range(100))


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A figure; `limit` is what it must not exceed, in the same unit."""

    subject: str
    value: float
    unit: str
    before: str = ""
    limit: float | None = None


def measure_growth(bench: Bench) -> list[Growth]:
    """Measure everything; loads older than half of the past are deleted on the way."""
    found = []
    for figure in _figures(bench):
        print(f"  {figure.subject}: {figure.value:,.1f} {figure.unit}", flush=True)
        found.append(figure)
    return found


def _figures(bench: Bench) -> Iterator[Growth]:
    yield _freshness_event(bench)
    yield from _pages(bench)
    yield from _dagster_storage(bench)
    yield from _ledger_storage(bench)


def _freshness_event(bench: Bench) -> Growth:
    """Measure the evaluation of the feed with the most watches."""
    statuses = watch_statuses(bench.ledger, bench.ledger.watches.all(), datetime.now(UTC))
    sizes = {
        field_map.name: len(
            serialize_value(
                freshness(
                    field_map, [found for found in statuses if found.target.feed == field_map.name]
                )
            )
        )
        for field_map in bench.catalog
    }
    return Growth(
        subject="event of freshness",
        value=max(sizes.values()) / 1_000,
        unit="KB",
        before="353 KB",
        limit=20,
    )


def _pages(bench: Bench) -> Iterator[Growth]:
    """Time the pages and lists, as staff and as the customer with the most loads."""
    ledger, now = bench.ledger, datetime.now(UTC)
    customer = customer_id(0)
    target = next(iter(ledger.customers.subscriptions())).target
    key, api_key = ledger.keys.issue(customer, target.environment, now)
    ledger.staff.set("bench", "no password has this hash", now)
    newest = ledger.loads.find(
        customer=customer,
        environment=target.environment,
        states=[LoadState.SUCCEEDED],
        limit=1,
    )
    staff = ledger.sessions.begin_as_staff("bench", now)
    own = ledger.sessions.begin_with_key(api_key, now)
    search = f"/staff?search={customer_id(7)}"
    app = create_app(
        bench.settings,
        ledger=Ledger.open(bench.settings.ledger),
        buckets=open_buckets(bench.settings),
        catalog=bench.catalog,
    )
    with TestClient(app) as client:
        for path, token in (
            ("/staff", staff),
            ("/staff?page=20&customers=20", staff),
            (search, staff),
            ("/webhooks", own),
            ("/loads", own),
            (f"/loads?job={FEED}&state=FAILED", own),
            *((f"/loads/{load.job_id}", own) for load in newest),
            ("/notifications", own),
            ("/keys", own),
            ("/api/v1/jobs", ""),
            ("/api/v1/loads", ""),
        ):
            cookies = {"cookie": f"{SESSION_COOKIE}={token}"}
            headers = cookies if token else {"authorization": f"Bearer {key}"}
            shown = "/loads/{jobId}" if path.startswith("/loads/") else path
            yield Growth(
                subject=f"page {shown}",
                value=_milliseconds(client, path, headers, bench.rounds),
                unit="ms",
                before="9,000 ms" if path == "/staff" else "",
                limit=300,
            )


def _milliseconds(client: TestClient, path: str, headers: dict[str, str], rounds: int) -> float:
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        response = client.get(path, headers=headers, follow_redirects=False)
        seconds.append(time.perf_counter() - started)
        if response.status_code != 200:  # noqa: PLR2004 - the usual one
            message = f"{path}: {response.status_code}"
            raise RuntimeError(message)
    return statistics.median(seconds[1:]) * 1_000  # the first one compiles templates


def _dagster_storage(bench: Bench) -> Iterator[Growth]:
    """Carry out loads of one partition, then delete what retention lets go of them."""
    home = bench.settings.dagster_home
    before = _size_of(home)
    for _ in range(REAL_LOADS):
        _load(bench)
    after = _size_of(home)
    yield Growth(
        subject="Dagster's storage per load, before retention",
        value=(after - before) / REAL_LOADS / 1_000,
        unit="KB",
        before="245 KB, without end",
    )
    retention = RunRetention(
        instance=bench.instance, ledger=bench.ledger, before=datetime.now(UTC) + timedelta(days=1)
    )
    number, parts, deleted, is_over = 0, [], 0, False
    while not is_over:
        started = time.perf_counter()
        part = retention.prune(number, PART_SECONDS)
        parts.append(time.perf_counter() - started)
        number, is_over, deleted = part.after, part.is_over, deleted + part.deleted
    yield Growth(
        subject=f"Dagster's storage after retention, for {REAL_LOADS} loads of a partition",
        value=max(_size_of(home) - before, 0) / 1_000,
        unit="KB",
    )
    yield Growth(subject="runs deleted per second", value=deleted / sum(parts), unit="")
    yield Growth(subject="longest part of a tick", value=max(parts), unit="s", limit=2)


def _load(bench: Bench) -> None:
    """Carry out a load of a customer of its own, as a run does."""
    settings, ledger, now = bench.settings, bench.ledger, datetime.now(UTC)
    target = Target("university-loaded", Environment.PRODUCTION, FEED)
    folder = Path(settings.buckets_dir) / "university-loaded" / "production" / "warehouse"
    if not folder.exists():
        customer = Customer(target.customer, "University", target.customer)
        ledger.customers.add(customer, now)
        folder.mkdir(parents=True)
        (folder / "lookups.csv").write_text(HEADER + ROWS, encoding="utf-8")
        definition = f"feeds/{FEED.replace('-', '_')}"
        bench.instance.add_dynamic_partitions(definition, [target.partition_key])
    feed = FEED.replace("-", "_")
    request = LoadRequest(new_job_id(), target, "lookups.csv", None, None)
    load = ledger.loads.accept(request, now)
    bench.definitions.resolve_job_def(f"load_{feed}").execute_in_process(
        instance=bench.instance,
        partition_key=target.partition_key,
        tags=tags_of(load, load.launch),
    )


def _ledger_storage(bench: Bench) -> Iterator[Growth]:
    """Delete the older half of the past from the ledger."""
    ledger = bench.ledger
    count, used = _ledger_size(bench)
    yield Growth(subject="ledger per load, before retention", value=used / count, unit="KB")
    retention = LedgerRetention(
        rows=ExpiredRows(ledger.database),
        warehouse=open_warehouse(bench.settings),
        load_retention=_half_of_the_past(bench),
        audit_retention=timedelta(days=1_100),
    )
    now, after, parts, is_over = datetime.now(UTC), None, [], False
    while not is_over:
        started = time.perf_counter()
        part = retention.prune(now, after, PART_SECONDS)
        parts.append(time.perf_counter() - started)
        after, is_over = part.after, part.is_over
    left, used = _ledger_size(bench)
    yield Growth(subject="loads before retention", value=count, unit="")
    yield Growth(subject="loads after retention", value=left, unit="")
    yield Growth(subject="ledger after retention, in use", value=used / 1_000, unit="MB")
    yield Growth(subject="loads deleted per second", value=(count - left) / sum(parts), unit="")
    yield Growth(subject="longest part of a tick (ledger)", value=max(parts), unit="s", limit=2)


def _half_of_the_past(bench: Bench) -> timedelta:
    with bench.ledger.database.reading() as connection:
        oldest = connection.scalar(
            select(func.min(loads.c.ended_at)).where(loads.c.origin == Origin.WEBHOOK)
        )
    return timedelta() if oldest is None else (datetime.now(UTC) - oldest) / 2


def _ledger_size(bench: Bench) -> tuple[int, float]:
    """Return the number of loads, and the KB in use of all tables and indexes."""
    with bench.ledger.engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(loads)) or 0
        if connection.dialect.name == "sqlite":
            pages, free, size = (
                connection.scalar(text(f"PRAGMA {name}")) or 0
                for name in ("page_count", "freelist_count", "page_size")
            )
            return count, (pages - free) * size / 1_000
        # Space that deletions have freed is used again, but counts: tables do not shrink.
        used = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
        return count, used / 1_000


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
