"""A gateway whose ledger contains a few days of two customers, to open its pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alumniq_pipelines.adapters.passwords import hash_password
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes, find_hold_reasons
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import Channel, DeliveryResult
from alumniq_pipelines.core.problems.delivery import DeliveryFault
from tests.servers.gateway import Installation
from tests.strict_catalog import read_catalog

PASSWORD = "correct horse battery staple"
ERRORS = (
    "`xid` is blank (1,204 rows, first on line 17)",
    "`birthDate` is not a date such as 2024-01-31 (38 rows, first on line 2)",
    "The row has more or fewer values than the header has columns (1 row, line 40,112)",
)


@dataclass(frozen=True)
class Seeded:
    """What the ledger contains."""

    url: str
    key: str
    other_key: str
    production_key: str
    good: JobId
    bad: JobId
    queued: JobId
    to_cancel: JobId
    held: JobId
    foreign: JobId


WARNINGS = (
    Cause(
        "reference",
        "emailAddress",
        "`emailAddress` is not an e-mail address",
        1_204,
        2_041,
        "warning",
        "Send one address and nothing else, such as margaret.oneill@example.edu.",
    ),
    Cause(
        "reference",
        "nation",
        "`nation` is not an ISO 3166-1 country code",
        17,
        356,
        "note",
        "Send the two-letter or three-letter ISO 3166-1 code in capital letters, such as USA.",
    ),
)


@dataclass
class Seeder:
    """Writes loads as the pipelines do."""

    installation: Installation
    now: datetime

    def customer(self, customer: str) -> str:
        """Add a customer with a QA key, and return the key."""
        return self.installation.customer(customer, self.now - timedelta(days=340)).key

    def accept(self, customer: str, feed: str, at: datetime) -> Load:
        """Accept a load."""
        target = Target(customer, Environment.QA, feed)
        request = LoadRequest(
            new_job_id(),
            target,
            f"{feed}.csv",
            "etag",
            18_400_000,
            f"crm@{customer}.example",
            f"https://{customer}.example/outcomes",
        )
        return self.installation.ledger.loads.accept(request, at)

    def run(
        self,
        load: Load,
        counts: Counts | None,
        result: AttemptResult = AttemptResult.PUBLISHED,
        errors: Sequence[str] = (),
    ) -> Load:
        """Attempt a load, end it and enqueue its notifications."""
        ledger, start = self.installation.ledger, load.accepted_at + timedelta(seconds=3)
        attempt = ledger.attempts.begin(load, f"run-{load.number}", start)
        assert attempt
        end = start + timedelta(seconds=41.3)
        ledger.attempts.end(
            load.job_id,
            attempt.number,
            result,
            end,
            errors=errors,
            check=CheckRecord(counts=counts) if counts else None,
        )
        is_published = result is AttemptResult.PUBLISHED
        state = LoadState.SUCCEEDED if is_published else LoadState.FAILED
        rows = counts.rows_accepted if counts else 0
        changes = Changes(260 + rows % 190, rows % 997, rows % 83, rows) if is_published else None
        outcome = Outcome(
            state, tuple(errors), counts, changes, warnings=WARNINGS if is_published else ()
        )
        if is_published and counts:
            version = Version(
                target=load.target,
                number=load.number,
                job_id=load.job_id,
                rows=counts.rows_accepted,
                sha256="0" * 64,
                etag="etag",
                relation=f"{load.target.feed}_{load.number}",
                published_at=end,
            )
            ledger.versions.record(version, end)
        ledger.loads.end(load.job_id, outcome, notices_for(load, outcome), end)
        for notification in ledger.notifications.claim(end, timedelta(minutes=1)):
            delivery = DeliveryResult(delivered=True, detail="HTTP 204")
            if notification.notice.channel is Channel.MAIL:
                delivery = DeliveryResult(delivered=True, detail="SMTP 250")
            elif not is_published:
                fault = DeliveryFault.TLS_INCOMPLETE_CHAIN.value
                delivery = DeliveryResult(delivered=False, detail=fault)
            ledger.notifications.record(notification, delivery, end + timedelta(seconds=1))
        return load

    def hold(self, load: Load) -> Load:
        """Attempt a load that would change too much."""
        ledger, start = self.installation.ledger, load.accepted_at + timedelta(seconds=3)
        attempt = ledger.attempts.begin(load, f"run-{load.number}", start)
        assert attempt
        changes = Changes(260, 1_204, 19_950, 29_796, {"city": 1_100, "email": 240})
        field_map = read_catalog(self.installation.settings.schemas_dir).feed(load.target.feed)
        hold = Hold(
            job_id=load.job_id,
            held=HeldRows(
                digest="0" * 64,
                field_map=field_map,
                table="accepted",
                columns=("xid",),
                rows=31_260,
                sha256="0" * 64,
                etag="etag",
            ),
            counts=Counts(31_260, 31_260, 0),
            changes=changes,
            reasons=find_hold_reasons(changes, field_map.alumniq.thresholds),
            held_at=start + timedelta(seconds=39),
            expires_at=start + timedelta(days=7),
        )
        assert ledger.holds.hold(hold, attempt.number, Receipt("0" * 64, "etag"), ())
        return load


def seed(installation: Installation, url: str) -> Seeded:
    """Fill the ledger."""
    now = datetime.now(UTC).replace(microsecond=0)
    seeder = Seeder(installation, now)
    key, other_key = seeder.customer("iqu"), seeder.customer("ocu")
    production_key = installation.caller("iqu", Environment.PRODUCTION, now).key
    good = None
    for day in range(12, 0, -1):
        rows = 48_000 + (12 - day) * 260 + (day % 3) * 90
        load = seeder.accept("iqu", "warehouse", now - timedelta(days=day))
        good = seeder.run(load, Counts(rows, rows, 0))
    seeder.run(
        seeder.accept("iqu", "warehouse-lookups", now - timedelta(days=1)), Counts(812, 812, 0)
    )
    degrees = seeder.accept("iqu", "warehouse-degrees", now - timedelta(hours=5))
    bad = seeder.run(degrees, Counts(61_230, 59_987, 1_243), AttemptResult.REFUSED, ERRORS)
    queued = seeder.accept("iqu", "warehouse-designations", now - timedelta(minutes=2))
    to_cancel = seeder.accept("iqu", "volunteer-prospect", now - timedelta(minutes=1))
    held = seeder.hold(seeder.accept("iqu", "warehouse", now - timedelta(hours=1)))
    foreign = seeder.run(
        seeder.accept("ocu", "warehouse", now - timedelta(days=2)), Counts(9, 9, 0)
    )
    installation.ledger.staff.set("ada", hash_password(PASSWORD), now)
    assert good
    return Seeded(
        url=url,
        key=key,
        other_key=other_key,
        production_key=production_key,
        good=good.job_id,
        bad=bad.job_id,
        queued=queued.job_id,
        to_cancel=to_cancel.job_id,
        held=held.job_id,
        foreign=foreign.job_id,
    )
