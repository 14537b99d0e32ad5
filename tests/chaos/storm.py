"""The storm: customers who keep sending while strikes hit the system, all from one seed."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random

import httpx
from dagster import DagsterInstance, RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # has no public name

from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.load import UNDERWAY_STATES, Load, LoadState
from alumniq_pipelines.core.problems.problem import Problem
from tests.chaos.dagster_records import open_instance
from tests.chaos.sent_files import SentFile, draw_file
from tests.chaos.strikes import Strikes
from tests.chaos.system import System

MAX_SENDING = 3
MAX_UNFINISHED = 16
"""Customers wait while so many loads have no outcome: more would only make the end longer."""
DRY_SHARE, AGAIN_SHARE = 0.05, 0.05
SECONDS_BETWEEN_STRIKES = (1.0, 4.0)
SECONDS_BETWEEN_FILES = 0.4
ALL = 1_000_000

Progress = Callable[[str], None]


@dataclass
class Storm:
    """What was sent; `accepted` has the files of the loads whose job id was received."""

    system: System
    rng: Random
    progress: Progress
    with_stops: bool = True
    sent: dict[str, SentFile] = field(default_factory=dict)
    accepted: dict[str, SentFile] = field(default_factory=dict)
    waiting: int = 0

    def __post_init__(self) -> None:
        """Prepare customers and strikes; strikes draw from a sequence of their own."""
        self._numbers = count(1)
        self._customers = ThreadPoolExecutor(MAX_SENDING, thread_name_prefix="customer")
        self._sending: list[Future[None]] = []
        seed = self.rng.random()
        self.strikes = Strikes(self.system, Random(seed), self.accepted, with_stops=self.with_stops)

    def run_for(self, seconds: float) -> None:
        """Send files and strike for this many seconds."""
        until = time.monotonic() + seconds
        next_strike_at = time.monotonic() + self.rng.uniform(*SECONDS_BETWEEN_STRIKES)
        while time.monotonic() < until:
            self.system.processes.resume()
            if self._unfinished() < MAX_UNFINISHED:
                self._send()
            if time.monotonic() > next_strike_at:
                self.strikes.strike()
                next_strike_at = time.monotonic() + self.rng.uniform(*SECONDS_BETWEEN_STRIKES)
            self.strikes.collect()
            self.progress(f"{until - time.monotonic():4.0f} s left, {self._status()}")
            time.sleep(SECONDS_BETWEEN_FILES)
        for call in self._sending:
            call.result()
        self.strikes.close()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until every load has ended and was notified, at most for this many seconds."""
        until = time.monotonic() + seconds
        with open_instance(self.system.settings) as instance:
            while time.monotonic() < until and not self._is_idle(instance):
                self.progress(f"waiting until idle, {self._status()}")
                time.sleep(1)

    def loads(self) -> list[Load]:
        """Return all loads, in order of acceptance."""
        found = self.system.ledger.loads.find(limit=ALL)
        return sorted(found, key=lambda load: load.number)

    def _is_idle(self, instance: DagsterInstance) -> bool:
        self.strikes.decide_on_held_loads()
        # In this order: what is being carried out may be held a moment later.
        return not (
            self._unfinished()
            or self._has_held_loads()
            or self._callbacks_pending()
            or any(self.system.settings.scratch_dir.glob("*"))
            or instance.get_runs_count(RunsFilter(statuses=NOT_FINISHED_STATUSES))
        )

    def _send(self) -> None:
        """Begin to send a file; some calls are dry runs, some name a file again."""
        target = self.rng.choice(self.system.targets)
        earlier = [sent for sent in list(self.accepted.values()) if sent.target == target]
        number = next(self._numbers)
        sent = draw_file(self.rng, target, number)
        is_again = self.rng.random() < AGAIN_SHARE and bool(earlier)
        is_dry = self.rng.random() < DRY_SHARE
        self._sending = [call for call in self._sending if not call.done()]
        if len(self._sending) < MAX_SENDING:
            sent = earlier[-1] if is_again else sent
            send = partial(self._deliver_and_call, sent, is_new=not is_again, is_dry=is_dry)
            self._sending.append(self._customers.submit(send))

    def _deliver_and_call(self, sent: SentFile, *, is_new: bool, is_dry: bool) -> None:
        """Deliver a file unless it was before, and call the webhook."""
        if is_new and not self._deliver(sent):
            return
        self.sent[sent.filename] = sent
        job_id = self._call_webhook(sent, is_dry=is_dry)
        if job_id:
            self.accepted[job_id] = sent

    def _call_webhook(self, sent: SentFile, *, is_dry: bool) -> str | None:
        try:
            response = httpx.post(
                f"{self.system.settings.gateway_url}/api/v1/index.cfm/webhook/{sent.target.feed}",
                json={
                    "apiKey": self.system.keys[sent.target],
                    "filename": sent.filename,
                    "notifyEmail": "crm@example.edu",
                    "notifyWebhook": f"{self.system.receiver.url}/{sent.filename}",
                    "dryRun": is_dry,
                },
                timeout=20,
            )
        except httpx.HTTPError:
            return None  # no response: it may have been accepted all the same
        return response.json()["jobId"] if response.is_success else None

    def _deliver(self, sent: SentFile) -> bool:
        """Put the file into the bucket; return False while that is missing."""
        bucket = self.system.settings.buckets_dir / f"alumniq-{sent.target.customer}"
        part = bucket / folder_of(sent.target.environment) / f"{sent.filename}.part"
        try:
            part.write_text(sent.content, encoding="utf-8")
            part.rename(part.with_suffix(""))
        except OSError:  # no folder, or a file in its place
            return False
        return True

    def _unfinished(self) -> int:
        """Return how many loads have no outcome and wait for no person; many during an outage."""
        try:
            found = self.system.ledger.loads.find(states=sorted(UNDERWAY_STATES), limit=ALL)
        except Problem:
            return ALL
        self.waiting = len(found)
        return self.waiting

    def _has_held_loads(self) -> bool:
        """Whether a load waits for a decision."""
        try:
            return bool(self.system.ledger.loads.find(states=[LoadState.HELD], limit=1))
        except Problem:
            return True

    def _callbacks_pending(self) -> bool:
        """Whether the callback of some load has not arrived yet."""
        arrived = b"".join(callback.body for callback in list(self.system.receiver.received))
        return any(
            load.job_id.encode() not in arrived
            for load in self.loads()
            if load.request.notify_webhook and load.state is not LoadState.HELD
        )

    def _status(self) -> str:
        strikes = self.strikes.done.total()
        stopped = len(self.system.processes.stopped)
        return (
            f"{len(self.accepted)} loads accepted, {strikes} strikes, {stopped} processes stopped"
        )
