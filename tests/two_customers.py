"""An installation where everything has happened to two customers, in both of their environments.

Every text that belongs to one of them contains a word of its own, so that a test can search for it
in what another one reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.adapters.passwords import hash_password
from alumniq_pipelines.core.access.api_keys import KeyScope
from alumniq_pipelines.core.access.s3_keys import S3Key, user_name
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, Counts, Rejection
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.rejection_report import (
    ReportFormat,
    ReportSummary,
    report_name,
    summary_name,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.monitoring.incident import Condition, Kind, Resolution
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.notifications.held_load import held_notices
from alumniq_pipelines.core.notifications.incidents import closed_notices, opened_notices
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import DeliveryResult
from alumniq_pipelines.core.notifications.staff import (
    STAFF_CHAT,
    STAFF_TEAMS,
    Staff,
    mail_recipients,
)
from alumniq_pipelines.core.problems.live_data import LiveData
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from alumniq_pipelines.core.problems.outcome import AttemptsExhausted, Misconfigured
from alumniq_pipelines.core.problems.setup import ViewsInTheWay
from alumniq_pipelines.defs.sensors.api_key_expiry import enqueue_expiry_notices
from alumniq_pipelines.services.load_actions import discard
from alumniq_pipelines.wiring import open_archive
from tests.accepted_rows import small_field_map
from tests.page_visits import PASSWORD
from tests.servers.gateway import NOW, Caller, Installation
from tests.small_reports import write_small_report

CUSTOMERS = {"northquad": "Boreal University", "southquad": "Austral College"}
STAFF_NAME = "wilhelmina"
STAFF_EMAILS = ("night-shift@alumniq-staff.example", "ops@alumniq-staff.example")
STAFF = Staff((*mail_recipients(STAFF_EMAILS), STAFF_CHAT, STAFF_TEAMS))
CHAT_URL = "https://chat.alumniq-staff.example/hooks/T0P/B0X"
TEAMS_URL = "https://teams.alumniq-staff.example/workflows/T1P?sig=B1X"
VIEW = "reports_of_{}"
"""What staff built on a customer's table; errors of a mistake in our configuration name it."""

COUNTS = Counts(10, 9, 1)
CHECK = CheckRecord(counts=COUNTS)
CHANGES = Changes(1, 2, 30, 4, {"batch": 2})
WARNINGS = (Cause("reference", "nation", "`nation` is no country", 3, 7, "warning", "Send USA."),)
DELIVERIES = (
    DeliveryResult(delivered=True, detail="HTTP 200"),
    DeliveryResult(delivered=False, detail="HTTP 503"),
    DeliveryResult(delivered=False, detail="HTTP 410", permanent=True),
)
LEASE = timedelta(minutes=3)


@dataclass(frozen=True)
class Tenant:
    """One environment of a customer; `private` is what no one else may read about its keys."""

    installation: Installation
    caller: Caller
    bound_prefix: str
    private: tuple[str, ...]
    loads: dict[str, JobId] = field(default_factory=dict)

    @property
    def customer(self) -> str:
        """The customer's id."""
        return self.caller.name

    @property
    def environment(self) -> Environment:
        """The environment of its key."""
        return self.caller.environment

    @property
    def target(self) -> Target:
        """The target of its loads."""
        return Target(self.customer, self.environment, "warehouse")

    @property
    def heartbeat_url(self) -> str:
        """The secret of its watch, for staff and the monitor only."""
        return f"https://hc-ping.com/5ec2e7-{self.customer}-{self.environment}"

    @property
    def s3_key_id(self) -> str:
        """Its access key id."""
        return f"AKIA{self.customer}{self.environment}".upper()


def set_up_tenants(installation: Installation, folder: Path) -> Sequence[Tenant]:
    """Make everything happen, with one delivery attempt at each notification.

    They are delivered, fail and are refused permanently in rotation.
    """
    ledger = installation.ledger
    ledger.staff.set(STAFF_NAME, hash_password(PASSWORD), NOW)
    for customer, name in CUSTOMERS.items():
        ledger.customers.add(Customer(customer, name, f"{customer}-feeds"), NOW)
        installation.buckets.create(f"{customer}-feeds")
    tenants = [
        _tenant(installation, environment, index)
        for index, environment in enumerate(_environments())
    ]
    for tenant in tenants:
        _add_s3_key(tenant)
        _create_loads(tenant, folder)
        _open_incidents(tenant)
    enqueue_expiry_notices(ledger, STAFF, installation.settings.public_urls, NOW)
    for claimed, result in zip(
        ledger.notifications.claim(NOW, LEASE, limit=10_000), cycle(DELIVERIES), strict=False
    ):
        ledger.notifications.record(claimed, result, NOW)
    return tenants


def _environments() -> Iterator[tuple[str, Environment]]:
    return ((customer, environment) for customer in CUSTOMERS for environment in Environment)


def _tenant(installation: Installation, whose: tuple[str, Environment], index: int) -> Tenant:
    customer, environment = whose
    network = f"198.51.{100 + index}.0/24"
    email = f"keys-{environment}@{customer}.example"
    scope = KeyScope(networks=(network,), email=email)
    _, bound = installation.ledger.keys.issue(customer, environment, NOW, 7, scope=scope)
    caller = installation.caller(customer, environment)
    caller.deliver("warehouse.csv")
    private = (caller.key[:12], bound.prefix, network, network.partition("/")[0], email)
    return Tenant(installation, caller, bound.prefix, private)


def _add_s3_key(tenant: Tenant) -> None:
    """Add an S3 key, with an address to notify of new ones."""
    ledger = tenant.installation.ledger
    cipher = SecretCipher.from_file(tenant.installation.settings.encryption_key_file)
    keys = S3Keys(ledger.database, ledger.audit)
    keys.add_reminder_address(tenant.customer, f"s3@{tenant.customer}.example", NOW)
    user = user_name(tenant.customer, tenant.environment)
    key = S3Key(
        access_key_id=tenant.s3_key_id,
        customer=tenant.customer,
        user_name=user,
        encrypted_secret=cipher.encrypt("s3 secret"),
        created_at=NOW,
    )
    keys.add(key, (), NOW)


def _create_loads(tenant: Tenant, folder: Path) -> None:
    """Create a load in every state and with every kind of outcome."""
    ledger = tenant.installation.ledger
    ledger.watches.set(
        Watch(
            tenant.target,
            DeliverySchedule(cron="0 2 * * *"),
            NOW,
            heartbeat_url=tenant.heartbeat_url,
        ),
        NOW,
    )
    _publish(tenant)
    _refuse(tenant, folder)
    busy = str(BucketUnavailable("EndpointConnectionError"))
    view = VIEW.format(tenant.customer)
    stuck = str(ViewsInTheWay(f"{tenant.customer}_qa.warehouse", [view], "other objects depend"))
    _fail(tenant, "exhausted", AttemptResult.OUTAGE, busy, str(AttemptsExhausted(5)))
    _fail(tenant, "misconfigured", AttemptResult.MISCONFIGURED, stuck, str(Misconfigured()))
    _dry_run(tenant)
    for name in ("held", "discarded", "approved"):
        _hold(tenant, name)
    actor, urls = f"staff {STAFF_NAME}", tenant.installation.settings.public_urls
    reason = "A wrong export."
    discard(ledger, tenant.loads["discarded"], reason, actor, NOW, public_urls=urls)
    # The line of the table is free until here. Only one load of a table is outstanding at a time.
    _begin_load(tenant, "running")
    other_table = replace(tenant.target, feed="warehouse-degrees")
    assert ledger.queue.request(_accept(tenant, "requested", other_table), NOW)
    ledger.holds.approve(tenant.loads["approved"], actor, "The merger is real.", NOW)
    _accept(tenant, "queued")


def _accept(tenant: Tenant, name: str, target: Target | None = None) -> Load:
    request = LoadRequest(
        new_job_id(),
        target or tenant.target,
        f"{name}-of-{tenant.customer}-{tenant.environment}.csv",
        "e1",
        1_000,
        f"crm@{tenant.customer}.example",
        f"https://hooks.{tenant.customer}.example/{tenant.environment}",
        dry_run=name == "dry-run",
    )
    tenant.loads[name] = request.job_id
    return tenant.installation.ledger.loads.accept(request, NOW)


def _begin_load(tenant: Tenant, name: str) -> Load:
    """Accept a load and begin an attempt at it."""
    load = _accept(tenant, name)
    ledger = tenant.installation.ledger
    assert ledger.attempts.begin(load, f"run-{name}", NOW)
    if not load.request.dry_run:
        ledger.notifications.enqueue_start(
            load.job_id, signal_notices(tenant.heartbeat_url, Signal.START), NOW
        )
    return load


def _end(tenant: Tenant, load: Load, outcome: Outcome) -> None:
    """End a load, with all its notifications."""
    ledger = tenant.installation.ledger
    notices = notices_for(
        load,
        outcome,
        ledger.attempts.of(load.job_id),
        STAFF,
        tenant.heartbeat_url,
        tenant.installation.settings.public_urls,
    )
    ledger.loads.end(load.job_id, outcome, notices, NOW)


def _publish(tenant: Tenant) -> None:
    ledger, load = tenant.installation.ledger, _begin_load(tenant, "succeeded")
    ledger.attempts.end(
        load.job_id, 1, AttemptResult.PUBLISHED, NOW, check=CHECK, receipt=Receipt("cafe", "e1")
    )
    version = Version(
        target=tenant.target,
        number=load.number,
        job_id=load.job_id,
        rows=9,
        sha256="cafe",
        etag="e1",
        relation=f"{tenant.customer}.t",
        published_at=NOW,
    )
    ledger.versions.record(version, NOW)
    _end(tenant, load, Outcome(LoadState.SUCCEEDED, (), COUNTS, CHANGES, warnings=WARNINGS))


def _refuse(tenant: Tenant, folder: Path) -> None:
    """Refuse a load for its file, with a rejection report."""
    load = _begin_load(tenant, "refused")
    errors = ("`xid` is too long (1 row, first on line 3)",)
    tenant.installation.ledger.attempts.end(
        load.job_id, 1, AttemptResult.REFUSED, NOW, errors=errors, check=CHECK
    )
    archive = open_archive(tenant.installation.settings)
    csv, xlsx, summary = (folder / f"{load.job_id}.{form}" for form in ("csv", "xlsx", "json"))
    write_small_report(csv, xlsx, [["xid", "_row"], [f"row of {tenant.customer}", "2"]])
    first = Rejection(
        row=2,
        line=3,
        column="xid",
        code="length",
        message="`xid` is too long",
        advice="Send at most 9 characters.",
    )
    summary.write_bytes(ReportSummary(1, 1, (first,)).to_json())
    archive.put(report_name(load.job_id, ReportFormat.CSV), csv)
    archive.put(report_name(load.job_id, ReportFormat.XLSX), xlsx)
    archive.put(summary_name(load.job_id), summary)
    _end(tenant, load, Outcome(LoadState.FAILED, errors, COUNTS))


def _fail(tenant: Tenant, name: str, result: AttemptResult, cause: str, error: str) -> None:
    """Fail a load for reasons on our side, of which staff are notified too."""
    load = _begin_load(tenant, name)
    tenant.installation.ledger.attempts.end(load.job_id, 1, result, NOW, errors=(cause,))
    _end(tenant, load, Outcome(LoadState.FAILED, (error,), is_our_fault=True))


def _dry_run(tenant: Tenant) -> None:
    load = _begin_load(tenant, "dry-run")
    tenant.installation.ledger.attempts.end(load.job_id, 1, AttemptResult.CHECKED, NOW, check=CHECK)
    _end(tenant, load, Outcome(LoadState.SUCCEEDED, (), COUNTS))


def _hold(tenant: Tenant, name: str) -> None:
    load = _begin_load(tenant, name)
    hold = Hold(
        job_id=load.job_id,
        held=HeldRows(
            digest="beef",
            field_map=small_field_map("warehouse"),
            table="warehouse",
            columns=("xid", "batch"),
            rows=9,
            sha256="cafe",
            etag="e1",
        ),
        counts=COUNTS,
        changes=CHANGES,
        reasons=("30 rows removed.",),
        held_at=NOW,
        expires_at=NOW + timedelta(days=7),
        warnings=WARNINGS,
    )
    urls = tenant.installation.settings.public_urls
    notices = held_notices(load, hold, STAFF, urls, LiveData.PREVIOUS)
    tenant.installation.ledger.holds.hold(hold, 1, Receipt("cafe", "e1"), notices)


def _open_incidents(tenant: Tenant) -> None:
    """Open an incident and close another, and notify staff of both."""
    incidents = tenant.installation.ledger.incidents
    for kind in (Kind.NO_FILE, Kind.FAILING):
        title = f"{kind}: {tenant.target}"
        incidents.open(
            Condition(
                key=title, kind=kind, title=title, detail="It is late.", target=tenant.target
            ),
            NOW,
        )
    ids = [
        incident.id
        for incident in incidents.list_open()
        if incident.condition.target == tenant.target
    ]
    incidents.notify(ids, NOW, lambda found: opened_notices(found, STAFF))
    incidents.close(ids[:1], Resolution.RECOVERED, NOW, lambda found: closed_notices(found, STAFF))
