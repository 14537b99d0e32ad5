"""An installation with many waiting loads, and the situations in which its sensors are timed."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.remote_origin import (  # has no public name
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test  # has no public name
from sqlalchemy import delete, select, update

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import attempts, incidents, loads, notifications
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.defs.tags import tags_of
from alumniq_pipelines.settings import Settings

_ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("localhost", 1), "__repository__"), "load"
)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How long a tick, or a part of one, took in a situation, in seconds; medians of the rounds.

    `cpu` is what this process itself used: on a busy machine, it says more than the time.
    """

    subject: str
    situation: str
    seconds: float
    cpu: float


@dataclass(kw_only=True)
class Bench:
    """An installation, and what was measured on it; loads after `newest_past` are its own."""

    settings: Settings
    ledger: Ledger
    instance: dg.DagsterInstance
    catalog: Catalog
    resources: dict[str, object]
    newest_past: int
    waiting: int
    rounds: int
    definitions: dg.Definitions = field(init=False)
    found: list[Measurement] = field(default_factory=list)

    def tick(self, sensor: str) -> object:
        """Evaluate a sensor once."""
        repository = self.definitions.get_repository_def()
        definition = repository.get_sensor_def(sensor)
        with dg.build_sensor_context(
            self.instance,
            repository_def=repository,
            resources={name: self.resources[name] for name in definition.required_resource_keys},
            sensor_name=sensor,
        ) as context:
            return definition(context)

    def measure(
        self,
        subject: str,
        situation: str,
        work: Callable[[], object],
        prepare: Callable[[], object] = lambda: None,
        rounds: int = 0,
    ) -> None:
        """Time some work a few times, each time prepared anew."""
        seconds, cpu = [], []
        for _ in range(rounds or self.rounds):
            prepare()
            started, used = time.perf_counter(), time.process_time()
            work()
            seconds.append(time.perf_counter() - started)
            cpu.append(time.process_time() - used)
        found = Measurement(
            subject=subject,
            situation=situation,
            seconds=statistics.median(seconds),
            cpu=statistics.median(cpu),
        )
        self.found.append(found)
        print(
            f"  {subject}, {situation}: {ms(found.seconds)} ms, CPU {ms(found.cpu)} ms", flush=True
        )

    def set_max_outstanding(self, limit: int) -> None:
        """Define the sensors anew with this setting."""
        settings = self.settings.model_copy(update={"max_outstanding": limit})
        self.definitions = build_definitions(settings)

    def reset(self, **values: object) -> None:
        """Let the loads after the past wait again, with these values; forget incidents."""
        ours = select(loads.c.job_id).where(loads.c.number > self.newest_past)
        waiting = {
            "state": LoadState.QUEUED,
            "launch": 0,
            "failed_launches": 0,
            "attempts": 0,
            "requested_at": None,
            "ended_at": None,
            "next_attempt_at": None,
            "stop_requested_at": None,
            "accepted_at": datetime.now(UTC) - timedelta(minutes=10),
        }
        with self.ledger.database.writing() as connection:
            connection.execute(delete(attempts).where(attempts.c.job_id.in_(ours)))
            connection.execute(delete(notifications).where(notifications.c.job_id.in_(ours)))
            about_incidents = notifications.c.incident_id.is_not(None)
            connection.execute(delete(notifications).where(about_incidents))
            connection.execute(delete(incidents))
            connection.execute(
                update(loads).where(loads.c.number > self.newest_past).values({**waiting, **values})
            )

    def request(self, count: int, status: DagsterRunStatus, *, begun: bool = False) -> list[Load]:
        """Request runs of the next loads, and record each in Dagster with this status."""
        queue, now = self.ledger.queue, datetime.now(UTC)
        found = []
        for load in queue.next_loads(self.catalog.feeds, count, now):
            launch = queue.request(load, now)
            if launch is None:
                continue
            run = create_run_for_test(
                self.instance,
                job_name="load",
                status=status,
                tags=tags_of(load, launch),
                remote_job_origin=_ORIGIN,  # Dagster demands it of queued runs
            )
            if status is DagsterRunStatus.QUEUED:
                # Dagster has a database of its own for each run's events; it exists by then.
                self.instance.report_engine_event("Queued by the benchmark.", run)
            if begun:
                self.ledger.attempts.begin(load, run.run_id, now, launch=launch)
            found.append(load)
        return found


def ms(seconds: float) -> str:
    """Format seconds as milliseconds."""
    return f"{seconds * 1_000:,.0f}"
