"""A load: one accepted request, its states and the transitions between them."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.target import Target

JobId = NewType("JobId", str)

MAX_ATTEMPTS = 5
"""Attempts at one load before staff are notified (contract: five attempts in all)."""


class LoadState(StrEnum):
    """The state of a load; HELD is awaiting approval, the last two are final."""

    QUEUED = "queued"
    REQUESTED = "requested"
    RUNNING = "running"
    HELD = "held"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OUTSTANDING_STATES = frozenset({LoadState.REQUESTED, LoadState.RUNNING})
"""A run of the load has been requested, or is working on it."""
UNDERWAY_STATES = frozenset({LoadState.QUEUED, *OUTSTANDING_STATES})
FINAL_STATES = frozenset({LoadState.SUCCEEDED, LoadState.FAILED})

ALLOWED_TRANSITIONS: dict[LoadState, frozenset[LoadState]] = {
    LoadState.QUEUED: frozenset({LoadState.REQUESTED, LoadState.RUNNING, *FINAL_STATES}),
    LoadState.REQUESTED: frozenset({LoadState.QUEUED, LoadState.RUNNING, *FINAL_STATES}),
    LoadState.RUNNING: frozenset(
        {LoadState.QUEUED, LoadState.RUNNING, LoadState.HELD, *FINAL_STATES}
    ),
    LoadState.HELD: frozenset({LoadState.QUEUED, LoadState.FAILED}),
    LoadState.SUCCEEDED: frozenset(),
    LoadState.FAILED: frozenset(),
}
"""Back to QUEUED: by the reconcile sensor where the run is over and another one is needed; or, from
HELD, by a person who approves the held rows."""


HAND_MADE_TIMEOUT = timedelta(seconds=60)
"""How long a run that a person made may take to begin the load that it has accepted."""


def states_before(state: LoadState) -> frozenset[LoadState]:
    """Return the states from which a load may move to `state`."""
    return frozenset(start for start, ends in ALLOWED_TRANSITIONS.items() if state in ends)


class Origin(StrEnum):
    """Who asked for the load."""

    WEBHOOK = "webhook"
    DAGSTER = "dagster"
    REPEAT = "repeat"


def first_attempt_due(origin: Origin, accepted_at: datetime) -> datetime | None:
    """Return when a run is to be requested for a new load; None for at once.

    A load that was accepted by a run has this run, and needs another one only if that has died.
    """
    return accepted_at + HAND_MADE_TIMEOUT if origin is Origin.DAGSTER else None


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What is known of a load when it is accepted.

    A dry run is checked and notified like any load, but publishes nothing. `idempotency_key` is the
    caller's own name for the request: a second request with it is the same request. A load that
    `repeats` another reads the file that the other read, from the archive. `trace_context` is the
    W3C `traceparent` of the call, if calls are traced: gateway, worker and sender continue it. It
    is no part of what is asked for: a second call is one of its own, with the same request.
    """

    job_id: JobId
    target: Target
    filename: str
    etag: str | None
    size_bytes: int | None
    notify_email: str = ""
    notify_webhook: str = ""
    origin: Origin = Origin.WEBHOOK
    repeats: JobId | None = None
    dry_run: bool = False
    idempotency_key: str | None = None
    trace_context: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Load:
    """A load as the ledger stores it.

    `number` grows with acceptance and orders the loads of a target; `job_id` is what customers see.
    Times are aware and in UTC. `run_id` is the latest Dagster run that worked on it.

    `launch` grows whenever the load is queued or a run is requested: only a run of this launch may
    begin an attempt. `failed_launches` are the runs in a row that ended before they began one.
    `next_attempt_at` is when the next attempt or launch is due, if the load waits for a time.
    """

    number: int
    request: LoadRequest
    state: LoadState
    attempts: int
    accepted_at: datetime
    requested_at: datetime | None = None
    run_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    errors: tuple[str, ...] = ()
    counts: Counts | None = None
    changes: Changes | None = None
    warnings: tuple[Cause, ...] = ()
    launch: int = 0
    failed_launches: int = 0
    next_attempt_at: datetime | None = None

    @property
    def job_id(self) -> JobId:
        """The contract's `jobId`."""
        return self.request.job_id

    @property
    def target(self) -> Target:
        """The table this load is for."""
        return self.request.target

    @property
    def is_final(self) -> bool:
        """Whether it has its outcome."""
        return self.state in FINAL_STATES

    @property
    def is_cancelable(self) -> bool:
        """Whether it can be canceled, unless it is being published right now."""
        return self.state in UNDERWAY_STATES


def new_job_id() -> JobId:
    """Return a new CFML UUID: upper-case hex in groups of 8-4-4-16, 35 characters."""
    digits = secrets.token_hex(16).upper()
    return JobId(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:]}")
