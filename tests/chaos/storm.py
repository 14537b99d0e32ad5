"""The storm: customers who keep sending and random failures, all from one seed."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.target import Target
from tests.chaos.ledger_outage import ledger_unavailable
from tests.chaos.system import PARTS, System

HEADER = '"list","code","description","sortOrder","isActive"\n'
MAX_UNFINISHED = 16
"""Customers wait while so many loads have no outcome: more would only make the end longer."""
BROKEN_SHARE = 0.1
OUTAGE_SECONDS = 6.0
UNFINISHED = (LoadState.QUEUED, LoadState.REQUESTED, LoadState.RUNNING)


@dataclass(frozen=True)
class Sent:
    """A file that was delivered: its rows, all with its name in them, and whether it is good."""

    target: Target
    filename: str
    rows: int
    is_good: bool


@dataclass
class Storm:
    """What was sent and what was broken; `accepted` has the loads whose job id was received."""

    system: System
    rng: random.Random
    sent: dict[str, Sent] = field(default_factory=dict)
    accepted: dict[str, Sent] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    outages: Counter[str] = field(default_factory=Counter)

    def run_for(self, seconds: float) -> None:
        """Send files and inject failures for this many seconds."""
        until = time.monotonic() + seconds
        next_failure_at = time.monotonic() + self.rng.uniform(3, 10)
        while time.monotonic() < until:
            if self._unfinished() < MAX_UNFINISHED:
                self._send()
            if time.monotonic() > next_failure_at:
                self._inject_failure()
                next_failure_at = time.monotonic() + self.rng.uniform(3, 10)
            time.sleep(0.2)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until every load has ended and was notified, at most for this many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and (self._unfinished() or self._callbacks_pending()):
            time.sleep(0.5)

    def _send(self) -> None:
        target = self.rng.choice(self.system.targets)
        number = len(self.sent) + 1
        is_good = self.rng.random() > BROKEN_SHARE
        sent = Sent(target, f"lookups-{number}.csv", self.rng.randint(50, 500), is_good)
        if not self._deliver(sent):
            return
        self.sent[sent.filename] = sent
        try:
            response = httpx.post(
                f"{self.system.settings.gateway_url}/api/v1/index.cfm/webhook/{target.feed}",
                json={
                    "apiKey": self.system.keys[target],
                    "filename": sent.filename,
                    "notifyEmail": "crm@example.edu",
                    "notifyWebhook": f"{self.system.receiver.url}/{sent.filename}",
                },
                timeout=20,
            )
        except httpx.HTTPError:
            return  # no response: it may have been accepted all the same
        if response.is_success:
            self.accepted[response.json()["jobId"]] = sent

    def _deliver(self, sent: Sent) -> bool:
        """Put the file into the bucket; return False while that is missing."""
        bucket = self.system.settings.buckets_dir / f"alumniq-{sent.target.customer}"
        part = bucket / folder_of(sent.target.environment) / f"{sent.filename}.part"
        try:
            part.write_text(content_of(sent), encoding="utf-8")
            part.rename(part.with_suffix(""))
        except OSError:  # no folder, or a file in its place
            return False
        return True

    def _inject_failure(self) -> None:
        # A short storm on a slow machine injects only a few failures: a kill comes first.
        failure = self.rng.choice(self._failures if self.kills.total() else list(PARTS))
        if failure in PARTS:
            self.kills[failure] += self.system.kill(failure, self.rng.randrange(100))
            return
        self.outages[failure] += 1
        settings = self.system.settings
        away = {
            "bucket": lambda: _missing(settings.buckets_dir),
            "scratch": lambda: _missing(settings.scratch_dir),
            "ledger": lambda: ledger_unavailable(settings.ledger_url),
        }
        with away[failure]():
            until = time.monotonic() + OUTAGE_SECONDS
            while time.monotonic() < until:
                self._send()
                time.sleep(1)

    @property
    def _failures(self) -> list[str]:
        """The failures to choose from; a ledger that is a file cannot be made unavailable."""
        failures = [*PARTS, "worker", "worker", "worker", "bucket", "scratch"]
        return [*failures, "ledger"] if self.system.settings.ledger_url else failures

    def _unfinished(self) -> int:
        return len(self.system.ledger.loads.find(states=UNFINISHED, limit=1_000))

    def _callbacks_pending(self) -> bool:
        """Whether the callback of some load has not arrived yet."""
        notified_paths = {callback.path for callback in list(self.system.receiver.received)}
        loads = self.system.ledger.loads.find(limit=100_000)
        return any(f"/{load.request.filename}" not in notified_paths for load in loads)


def content_of(sent: Sent) -> str:
    """Return the content of the file; a broken one has a row without a key."""
    rows = [f'"unit","{code}","{sent.filename}","{code}","true"\n' for code in range(sent.rows)]
    if not sent.is_good:
        rows.append('"unit","","no code","1","true"\n')
    return HEADER + "".join(rows)


@contextmanager
def _missing(folder: Path) -> Iterator[None]:
    """Remove a folder; a file in its place prevents others from creating it again."""
    folder.mkdir(exist_ok=True)
    hidden = folder.with_name(f"{folder.name}-away")
    folder.rename(hidden)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        hidden.rename(folder)
