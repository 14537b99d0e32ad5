"""Queries about jobs and loads, shared by the JSON API and the pages; independent of HTTP.

Every query has a scope. What lies outside the scope does not exist for the caller: another
customer's load and a load that never existed give the same result.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from alumniq_pipelines.adapters.ledger.delivery_history import DeliveryHistory
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.waiting import Waiting, waiting_for
from alumniq_pipelines.core.notifications.notification import (
    EVERYBODY,
    Audience,
    DeliveryResult,
    Notification,
)
from alumniq_pipelines.core.problems.api import JobNotOfKey, NoSuchLoad
from alumniq_pipelines.core.problems.live_data import LiveData, live_data
from alumniq_pipelines.core.problems.outcome import Misconfigured
from alumniq_pipelines.services.monitor import watch_statuses

MAX_PAGE_SIZE = 200
"""Of loads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a caller may see and do: one environment of one customer, or only some feeds of it.

    Staff (`is_staff`) also see notifications about the installation.
    """

    customer: str
    environment: Environment
    feeds: tuple[str, ...] | None = None
    is_staff: bool = False

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return the scope of a key."""
        return cls(customer=key.customer, environment=key.environment, feeds=key.feeds)

    @property
    def audiences(self) -> frozenset[Audience]:
        """The audiences whose notifications are visible."""
        return EVERYBODY if self.is_staff else frozenset({Audience.CUSTOMER})

    def holds(self, target: Target) -> bool:
        """Return whether a target is in scope."""
        return (
            target.customer == self.customer
            and target.environment is self.environment
            and self.opens(target.feed)
        )

    def opens(self, feed: str) -> bool:
        """Return whether a feed is in scope."""
        return self.feeds is None or feed in self.feeds


@dataclass(frozen=True, slots=True)
class Job:
    """A feed as its sender knows it; `last_load` is None until a load has been accepted."""

    field_map: FieldMap
    last_load: Load | None
    next_expected_at: datetime | None = None

    @property
    def name(self) -> str:
        """The job's name in the URL."""
        return self.field_map.alumniq.job


@dataclass(frozen=True, slots=True)
class LoadPage:
    """A page of loads, newest first; `next_before` starts the next page, None on the last."""

    loads: Sequence[Load]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class NotificationHistory:
    """A notification and its delivery attempts."""

    notification: Notification
    delivery_attempts: Sequence[tuple[datetime, DeliveryResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDetail:
    """A load with its attempts and notifications.

    `queue_position` counts the load itself and the loads of the same target before it; None once it
    runs. `waiting` is None while an attempt is in progress, and once the load has ended. `hold` is
    None unless the load is awaiting approval. `live` is what readers of its table see.
    """

    load: Load
    job: str
    attempts: Sequence[AttemptRecord]
    notifications: Sequence[NotificationHistory]
    queue_position: int | None
    live: LiveData
    hold: Hold | None = None
    waiting: Waiting | None = None

    @property
    def would_be_held_for(self) -> tuple[str, ...]:
        """Why a load of the file would be held, which a dry run found out; none otherwise."""
        return self.attempts[-1].hold_reasons if self.attempts else ()


@dataclass(frozen=True, slots=True)
class Status:
    """Runs the queries. Raises OutageProblem if the ledger is unavailable."""

    ledger: Ledger
    catalog: Catalog

    def jobs(self, scope: Scope, now: datetime | None = None) -> Sequence[Job]:
        """List the jobs of a scope by wave and name; if `now` is given, with their due times."""
        last = self.ledger.loads.latest_by_feed(scope.customer, scope.environment)
        due: dict[str, datetime | None] = {}
        if now is not None:
            watches = self.ledger.watches.all(scope.customer)
            in_scope = [watch for watch in watches if scope.holds(watch.target)]
            statuses = watch_statuses(self.ledger, in_scope, now)
            due = {status.target.feed: status.expectation.due_at for status in statuses}
        return [
            Job(field_map, last.get(field_map.name), due.get(field_map.name))
            for field_map in self._field_maps(scope)
        ]

    def field_map(self, scope: Scope, job: str) -> FieldMap:
        """Return the field map of a job; raises UnknownJob, JobNotOfKey and FeedUnavailable."""
        self.feed(scope, job)
        return self.catalog.feed_of_job(job)

    def feed(self, scope: Scope, job: str) -> str:
        """Return the feed of a job, even if it is disabled; raises UnknownJob and JobNotOfKey."""
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
        """List loads, newest first, starting after load number `before`.

        Raises UnknownJob and JobNotOfKey.
        """
        feeds = scope.feeds if job is None else (self.feed(scope, job),)
        found = self.ledger.loads.find(
            customer=scope.customer,
            environment=scope.environment,
            feeds=feeds,
            states=states,
            before=before,
            limit=limit + 1,  # one more than shown, to know whether there is a next page
        )
        shown = found[:limit]
        return LoadPage(shown, shown[-1].number if len(found) > limit else None)

    def load(self, scope: Scope, job_id: str, now: datetime) -> LoadDetail:
        """Return a load with its attempts and notifications; raises NoSuchLoad."""
        load = self.known_load(scope, job_id)
        attempts = self.ledger.attempts.of(load.job_id)
        queue_position = self.ledger.loads.queue_position(load)
        hold = self.ledger.holds.get(load.job_id) if load.state is LoadState.HELD else None
        return LoadDetail(
            load=load,
            job=self.job_of(load),
            attempts=[_visible_attempt(attempt, scope) for attempt in attempts],
            notifications=self._with_attempts(self.notifications(scope, load)),
            queue_position=queue_position,
            waiting=waiting_for(
                load,
                attempts,
                now,
                ahead=(queue_position or 1) - 1,
                approval_due=hold.expires_at if hold else None,
            ),
            live=live_data(load.number, self.ledger.versions.newest(load.target)),
            hold=hold,
        )

    def notifications(self, scope: Scope, load: Load) -> Sequence[Notification]:
        """List the notifications of a load that are visible in a scope."""
        return self.ledger.notifications.of(load.job_id, scope.audiences)

    def newest_notifications(
        self, scope: Scope, limit: int, offset: int = 0
    ) -> Sequence[NotificationHistory]:
        """List the notifications of a scope with their delivery attempts, newest first."""
        return self._with_attempts(
            self.ledger.notifications.about_loads(
                scope.customer,
                scope.environment,
                scope.feeds,
                audiences=scope.audiences,
                limit=limit,
                offset=offset,
            )
        )

    def known_load(self, scope: Scope, job_id: str) -> Load:
        """Return a load that is in scope; raises NoSuchLoad."""
        load = self._find(job_id)
        if load is None or not scope.holds(load.target):
            raise NoSuchLoad
        return load

    def scope_of(self, job_id: str) -> Scope:
        """Return a staff scope for the customer and environment of a load; raises NoSuchLoad."""
        load = self._find(job_id)
        if load is None:
            raise NoSuchLoad
        return Scope(
            customer=load.target.customer, environment=load.target.environment, is_staff=True
        )

    def job_of(self, load: Load) -> str:
        """Return the job name of a load, or its feed name if the feed has been removed."""
        field_map = self.catalog.feeds.get(load.target.feed)
        return field_map.alumniq.job if field_map else load.target.feed

    def job_names(self, key: ApiKey) -> tuple[str, ...] | None:
        """Return the jobs that a key is limited to; None if it is not limited."""
        if key.feeds is None:
            return None
        feeds = self.catalog.feeds
        return tuple(feeds[feed].alumniq.job for feed in key.feeds if feed in feeds)

    def _with_attempts(self, found: Sequence[Notification]) -> Sequence[NotificationHistory]:
        history = DeliveryHistory(self.ledger.database)
        attempts = history.of_each([notification.id for notification in found])
        return [
            NotificationHistory(notification, attempts[notification.id]) for notification in found
        ]

    def _find(self, job_id: str) -> Load | None:
        wanted = job_id.strip().upper()
        # Job ids are plain ASCII; a database may fail on anything else, such as NUL.
        is_plain = wanted.isascii() and wanted.isprintable()
        return self.ledger.loads.get(JobId(wanted)) if is_plain else None

    def _field_maps(self, scope: Scope) -> Iterator[FieldMap]:
        return (field_map for field_map in self.catalog if scope.opens(field_map.name))


def _visible_attempt(attempt: AttemptRecord, scope: Scope) -> AttemptRecord:
    """Return an attempt with the errors that its viewer may read.

    The error of a misconfiguration may name internals or another customer, so customers get the
    general sentence that the outcome has, too.
    """
    if scope.is_staff or attempt.result is not AttemptResult.MISCONFIGURED:
        return attempt
    return replace(attempt, errors=(str(Misconfigured()),))
