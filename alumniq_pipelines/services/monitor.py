"""The use case: look at what is expected → decide what is the case → open, tell, close incidents.

Free of Dagster, and harmless to do twice at once: an incident is opened, told and closed by
conditional statements. A condition is decided anew at every look, so what a crash left undone the
next look does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alumniq_pipelines.adapters.ledger.health_queries import Undelivered
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import Buckets, StoredFile, folder_of
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.conditions import Missed
from alumniq_pipelines.core.monitoring.duration import duration_text
from alumniq_pipelines.core.monitoring.incident import (
    TOLD_ALREADY,
    Condition,
    Incident,
    Kind,
    Resolution,
)
from alumniq_pipelines.core.monitoring.missed_delivery import (
    common_start,
    has_asked,
    silence,
    unasked,
)
from alumniq_pipelines.core.monitoring.schedule import Expectation, Standing, expectation
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.incidents import closed_notices, opened_notices
from alumniq_pipelines.core.notifications.notification import Audience, Notice
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.problems.outage import BucketUnavailable

QUEUE_PATIENCE = timedelta(minutes=30)
"""Loads may wait this long with none running and none moving before the queue counts as stuck."""
LOAD_PATIENCE = timedelta(hours=4)
"""A load may take this long: a run is stopped after three hours (dagster.yaml)."""
CATCH_UP = timedelta(minutes=30)
"""After an outage, loads that piled up get this long before their silence is told."""
OF_INTEREST = timedelta(days=14)
"""What failed longer ago is history: nobody will be told that it is over."""
MOST_FILES = 10_000

PARENTS = frozenset({Kind.BUCKET_AWAY, Kind.QUEUE_STUCK})


@dataclass(frozen=True, slots=True)
class Stand:
    """How a watched target stands now; `last` is when its last published load came."""

    watch: Watch
    expectation: Expectation
    last: datetime | None

    @property
    def target(self) -> Target:
        """What is watched."""
        return self.watch.target

    @property
    def missed(self) -> Missed:
        """What was expected, for those who are silent."""
        return Missed(self.target, self.watch.rhythm, self.expectation, self.last)


@dataclass(frozen=True, slots=True)
class Watched:
    """What one look found and did."""

    stands: Sequence[Stand]
    opened: int
    told: int
    closed: int


def keep_watch(
    ledger: Ledger, buckets: Buckets, catalog: Catalog, staff: Staff, now: datetime
) -> Watched:
    """Look at everything once; raises LedgerUnavailable, while a bucket away is an incident."""
    look = _Look(ledger, buckets, catalog, now)
    stands = stands_of(ledger, ledger.watches.all(), now)
    look.at_everything(stands)
    opened = sum([ledger.incidents.open(each, now) for each in look.found.values()])
    told = look.tell(staff)
    closed = look.close(staff, stands)
    return Watched(stands, opened, len(told), len(closed))


def stands_of(ledger: Ledger, watches: Sequence[Watch], now: datetime) -> Sequence[Stand]:
    """Say how watched targets stand."""
    return [_stand(ledger, each, now) for each in watches]


def _undelivered(found: Undelivered) -> Condition:
    if found.audience is Audience.CUSTOMER:
        return conditions.undelivered(
            found.customer, found.channel, found.notification_id, found.digest
        )
    return conditions.undelivered_to_staff(found.channel, found.notification_id, found.digest)


def _stand(ledger: Ledger, watch: Watch, now: datetime) -> Stand:
    arrivals = ledger.watches.arrivals(watch.target)
    expected = expectation(
        watch.rhythm, arrivals, now, since=watch.since, snoozed_until=watch.snoozed_until
    )
    return Stand(watch, expected, arrivals[0] if arrivals else None)


@dataclass
class _Look:
    """One look: what is the case by key, and the keys that cannot be judged while a parent is down.

    An incident that is open stays what it was called at first: it is not looked into again.
    """

    ledger: Ledger
    buckets: Buckets
    catalog: Catalog
    now: datetime
    found: dict[str, Condition] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    known: dict[str, Incident] = field(default_factory=dict)

    def at_everything(self, stands: Sequence[Stand]) -> None:
        self.known = {each.condition.key: each for each in self.ledger.incidents.now_open()}
        self._add(self._bucket())
        self._add(self._queue())
        for broken in self.catalog.broken.values():
            is_disabled = broken.feed in self.catalog.disabled
            self._add(conditions.field_map_broken(broken, is_disabled=is_disabled))
        for load in self.ledger.troubles.exhausted(self.now - OF_INTEREST):
            self._add(conditions.attempts_exhausted(load))
        for each in self.ledger.troubles.undelivered(self.now - OF_INTEREST):
            self._add(_undelivered(each))
        is_catching_up = self._is_catching_up()
        for stand in stands:
            if stand.expectation.standing is Standing.SILENT:
                self._add(self._silence(stand, is_catching_up=is_catching_up))
        for condition in self._stuck_loads(is_catching_up=is_catching_up):
            self._add(condition)

    def tell(self, staff: Staff) -> Sequence[Incident]:
        due = [
            each.id
            for each in self.ledger.incidents.now_open()
            if each.condition.key in self.found and each.is_to_be_told(self.now)
        ]

        def words(told: Sequence[Incident]) -> Sequence[Notice]:
            news = [each for each in told if each.condition.kind not in TOLD_ALREADY]
            return opened_notices(news, staff)

        return self.ledger.incidents.tell(due, self.now, words) if due else ()

    def close(self, staff: Staff, stands: Sequence[Stand]) -> Sequence[Incident]:
        def words(closed: Sequence[Incident]) -> Sequence[Notice]:
            news = [each for each in closed if each.told_at and each.resolution is not dropped]
            return closed_notices(news, staff)

        dropped = Resolution.DROPPED
        watched = {each.missed.key: each for each in stands}
        over = [
            each
            for key, each in self.known.items()
            if key not in self.found and key not in self.unknown
        ]
        closed: list[Incident] = []
        for resolution in Resolution:
            ids = [each.id for each in over if self._resolution(each, watched) is resolution]
            if ids:
                closed += self.ledger.incidents.close(ids, resolution, self.now, words)
        return closed

    def _add(self, condition: Condition | None) -> None:
        if condition is not None:
            self.found.setdefault(condition.key, condition)

    def _is_down(self, key: str) -> bool:
        return key in self.found

    def _bucket(self) -> Condition | None:
        try:
            self.buckets.ping()
        except BucketUnavailable as problem:
            self.unknown |= {key for key in self.known if key.startswith(f"{conditions.BUCKET}:")}
            return conditions.bucket_away(problem.detail)
        return None

    def _queue(self) -> Condition | None:
        waiting = self.ledger.troubles.unfinished(self.now - QUEUE_PATIENCE, self.catalog.feeds)
        if not waiting or any(each.state is LoadState.RUNNING for each in waiting):
            return None
        moved = self.ledger.troubles.last_movement()
        if moved is not None and moved > self.now - QUEUE_PATIENCE:
            return None
        return conditions.queue_stuck(waiting, duration_text(self.now - waiting[0].accepted_at))

    def _is_catching_up(self) -> bool:
        """Whether loads without an outcome are to be expected: an outage lasts, or is just over."""
        if self._is_down(conditions.BUCKET) or self._is_down(conditions.QUEUE):
            return True
        if any(key in self.known for key in (conditions.BUCKET, conditions.QUEUE)):
            return True
        return self.ledger.incidents.closed_since(PARENTS, self.now - CATCH_UP)

    def _silence(self, stand: Stand, *, is_catching_up: bool) -> Condition | None:
        missed = stand.missed
        if missed.key in self.known:
            return self.known[missed.key].condition
        last = self.ledger.loads.last_accepted(stand.target)
        file = None
        if not has_asked(missed, last):
            if self._is_down(conditions.BUCKET):
                return None
            try:
                file = self._file(stand.target, last)
            except BucketUnavailable:
                return None
        condition = silence(missed, last, file)
        if condition and condition.kind is Kind.NO_OUTCOME and is_catching_up:
            return None
        is_told = conditions.exhausted_key(stand.target) in self.found
        return None if condition and condition.kind is Kind.FAILING and is_told else condition

    def _file(self, target: Target, last: Load | None) -> StoredFile | None:
        """Find the newest file that looks like the target's and that no webhook asked for."""
        feeds, bucket = self.catalog.feeds, self.ledger.customers.get(target.customer).bucket
        usual = feeds[target.feed].path if target.feed in feeds else f"{target.feed}.csv"
        likely = last.request.filename if last else usual
        folder = folder_of(target.environment)
        try:
            files = self.buckets.open(bucket).names(folder + common_start(likely), MOST_FILES)
            return unasked(files, folder, likely, last.accepted_at if last else None)
        except BucketUnavailable as problem:
            self._add(conditions.customer_bucket_away(bucket, problem.detail))
            raise

    def _stuck_loads(self, *, is_catching_up: bool) -> Iterator[Condition]:
        if is_catching_up:
            self.unknown |= {key for key in self.known if key.startswith(conditions.STUCK)}
            return
        for load in self.ledger.troubles.unfinished(self.now - LOAD_PATIENCE, self.catalog.feeds):
            if conditions.silence_key(load.target) not in self.found:
                yield conditions.load_stuck(load, duration_text(self.now - load.accepted_at))

    def _resolution(self, incident: Incident, watched: dict[str, Stand]) -> Resolution:
        """Say whether what is over has been mended, or is looked at no more."""
        key, opened_at = incident.condition.key, incident.opened_at
        if key.startswith(conditions.SILENCE):
            stand = watched.get(key)
            if stand is None or stand.watch.since > opened_at:
                return Resolution.DROPPED
            is_snoozed = stand.expectation.standing is Standing.SNOOZED
            return Resolution.DROPPED if is_snoozed else Resolution.RECOVERED
        is_old = incident.condition.kind in _AGEING and opened_at < self.now - OF_INTEREST
        return Resolution.DROPPED if is_old else Resolution.RECOVERED


_AGEING = frozenset({Kind.UNDELIVERED, Kind.ATTEMPTS_EXHAUSTED})
