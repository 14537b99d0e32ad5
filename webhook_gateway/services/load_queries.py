"""What may be asked about jobs and loads: one use case for the JSON API and for the pages.

Knows nothing of HTTP. Whoever asks has a scope, and what lies outside does not exist for them:
a foreign load and one that never was get the same answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import (
    EVERYBODY,
    Audience,
    DeliveryResult,
    Notification,
)
from alumniq_pipelines.core.problems.api import JobNotOfKey, NoSuchLoad
from alumniq_pipelines.core.problems.outcome import Misconfigured
from alumniq_pipelines.services.monitor import watch_statuses

MAX_PAGE_SIZE = 200
"""Loads of one page at most."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may see and do: one customer's environment, or only some feeds of it.

    Of the same loads `is_staff` sees more: what concerns the installation and not the customer.
    """

    customer: str
    environment: Environment
    feeds: tuple[str, ...] | None = None
    is_staff: bool = False

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Answer what a key opens."""
        return cls(key.customer, key.environment, key.feeds)

    @property
    def audiences(self) -> frozenset[Audience]:
        """Whose notifications lie inside."""
        return EVERYBODY if self.is_staff else frozenset({Audience.CUSTOMER})

    def holds(self, target: Target) -> bool:
        """Whether a target lies inside."""
        return (
            target.customer == self.customer
            and target.environment is self.environment
            and self.opens(target.feed)
        )

    def opens(self, feed: str) -> bool:
        """Whether a feed lies inside."""
        return self.feeds is None or feed in self.feeds


@dataclass(frozen=True, slots=True)
class Job:
    """A feed as its sender knows it; the newest load is None where none was accepted yet."""

    field_map: FieldMap
    last_load: Load | None
    next_expected_at: datetime | None = None

    @property
    def name(self) -> str:
        """The job's name in the URL."""
        return self.field_map.alumniq.job


@dataclass(frozen=True, slots=True)
class LoadPage:
    """Some loads, newest first; `next_before` leads on to older ones, None at the end."""

    loads: Sequence[Load]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class NotificationHistory:
    """A notification, and each attempt to deliver it."""

    notification: Notification
    delivery_attempts: Sequence[tuple[datetime, DeliveryResult]]


@dataclass(frozen=True, slots=True)
class LoadDetail:
    """A load with all that happened to it.

    `queue_position` counts the loads of the same target before it, and itself; None once it runs.
    """

    load: Load
    job: str
    attempts: Sequence[AttemptRecord]
    notifications: Sequence[NotificationHistory]
    queue_position: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """The use case. Raises OutageProblem where the ledger is away."""

    ledger: Ledger
    catalog: Catalog

    def jobs(self, scope: Scope, now: datetime | None = None) -> Sequence[Job]:
        """List the jobs of a scope, in order of wave and name; with `now`, when each is due."""
        last = self.ledger.loads.latest_by_feed(scope.customer, scope.environment)
        due = {} if now is None else self._due(scope, now)
        return [
            Job(field_map, last.get(field_map.name), due.get(field_map.name))
            for field_map in self._field_maps(scope)
        ]

    def field_map(self, scope: Scope, job: str) -> FieldMap:
        """Look a job's field map up; raises UnknownJob, JobNotOfKey and FeedUnavailable."""
        self.feed(scope, job)
        return self.catalog.feed_of_job(job)

    def feed(self, scope: Scope, job: str) -> str:
        """Name a job's feed, a disabled one too; raises UnknownJob and JobNotOfKey."""
        feed = self.catalog.feed_name_of_job(job)
        if not scope.opens(feed):
            known = [field_map.alumniq.job for field_map in self._field_maps(scope)]
            raise JobNotOfKey(job, known or scope.feeds or ())
        return feed

    def loads(
        self,
        scope: Scope,
        *,
        job: str | None = None,
        states: Sequence[LoadState] = (),
        before: int | None = None,
        limit: int = 50,
    ) -> LoadPage:
        """List loads, newest first, from the one accepted before number `before` on.

        Raises UnknownJob and JobNotOfKey.
        """
        feeds = scope.feeds if job is None else (self.feed(scope, job),)
        found = self.ledger.loads.find(
            customer=scope.customer,
            environment=scope.environment,
            feeds=feeds,
            states=states,
            before=before,
            limit=limit + 1,
        )
        shown = found[:limit]
        return LoadPage(shown, shown[-1].number if len(found) > limit else None)

    def load(self, scope: Scope, job_id: str) -> LoadDetail:
        """Show one load whole; raises NoSuchLoad."""
        load = self.known_load(scope, job_id)
        return LoadDetail(
            load,
            self.job_of(load),
            [
                _visible_attempt(attempt, scope)
                for attempt in self.ledger.loads.attempts(load.job_id)
            ],
            self._with_attempts(self.notifications(scope, load)),
            self.ledger.loads.queue_position(load),
        )

    def notifications(self, scope: Scope, load: Load) -> Sequence[Notification]:
        """List those notifications of a load inside a scope that its viewer may see."""
        return self.ledger.notifications.of(load.job_id, scope.audiences)

    def newest_notifications(self, scope: Scope, limit: int) -> Sequence[NotificationHistory]:
        """List the notifications of a scope with their delivery attempts, newest first."""
        return self._with_attempts(
            self.ledger.notifications.about_loads(
                scope.customer,
                scope.environment,
                scope.feeds,
                audiences=scope.audiences,
                limit=limit,
            )
        )

    def known_load(self, scope: Scope, job_id: str) -> Load:
        """Find a load inside a scope; raises NoSuchLoad."""
        load = self._find(job_id)
        if load is None or not scope.holds(load.target):
            raise NoSuchLoad
        return load

    def scope_of(self, job_id: str) -> Scope:
        """Return the scope that a load lies in, for staff: they see all; raises NoSuchLoad."""
        load = self._find(job_id)
        if load is None:
            raise NoSuchLoad
        return Scope(load.target.customer, load.target.environment, is_staff=True)

    def job_of(self, load: Load) -> str:
        """Name a load's job; a feed that was taken away lends its own name."""
        field_map = self.catalog.feeds.get(load.target.feed)
        return field_map.alumniq.job if field_map else load.target.feed

    def _with_attempts(self, found: Sequence[Notification]) -> Sequence[NotificationHistory]:
        return [
            NotificationHistory(notification, self.ledger.notifications.attempts(notification.id))
            for notification in found
        ]

    def _find(self, job_id: str) -> Load | None:
        wanted = job_id.strip().upper()
        is_plain = wanted.isascii() and wanted.isprintable()
        return self.ledger.loads.get(JobId(wanted)) if is_plain else None

    def _due(self, scope: Scope, now: datetime) -> Mapping[str, datetime | None]:
        """Say when the feeds that are watched are due."""
        watches = self.ledger.watches.all(scope.customer)
        statuses = watch_statuses(
            self.ledger, [watch for watch in watches if scope.holds(watch.target)], now
        )
        return {status.target.feed: status.expectation.due_at for status in statuses}

    def _field_maps(self, scope: Scope) -> Iterator[FieldMap]:
        return (field_map for field_map in self.catalog if scope.opens(field_map.name))


def _visible_attempt(attempt: AttemptRecord, scope: Scope) -> AttemptRecord:
    """Return an attempt as the viewer may read it.

    What is wrong with our set-up may name what is ours or another customer's: the customer gets
    the sentence that the outcome has.
    """
    if scope.is_staff or attempt.result is not AttemptResult.MISCONFIGURED:
        return attempt
    return replace(attempt, errors=(str(Misconfigured()),))
