"""300 loads through a cluster whose hosts and servers fail one after the other."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle
from random import Random
from shutil import rmtree

import httpx

from alumniq_pipelines.core.loads.load import UNDERWAY_STATES, JobId
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.services import load_actions
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.chaos.evidence import read_evidence
from tests.chaos.notices import check_notices
from tests.chaos.order import check_order
from tests.chaos.outcomes import check_outcomes
from tests.chaos.sent_files import SentFile, draw_file
from tests.chaos.summary import ChaosSummary
from tests.chaos.tables import check_tables
from tests.chaos.verification import check_leftovers
from tests.e2e.cluster import GATEWAYS, Cluster

MAX_UNFINISHED = 60
CANCEL_EVERY, REPEAT_EVERY = 11, 17
OUTAGE_SECONDS = 5.0
ACCEPT_SECONDS, END_SECONDS = 120, 400


@dataclass
class ClusterStorm:
    """What customers send, and what happens to the cluster meanwhile."""

    cluster: Cluster
    targets: Sequence[Target]
    count: int = 300
    sent: dict[str, SentFile] = field(default_factory=dict)
    accepted: dict[JobId, SentFile] = field(default_factory=dict)
    canceled: set[JobId] = field(default_factory=set)

    def run(self) -> None:
        """Send all files, strike at fixed points of the way, and wait until everything has ended.

        Strikes happen in a thread, one after the other, while customers go on.
        """
        strikes, rng, targets = self._strikes(), Random(14), cycle(self.targets)
        with ThreadPoolExecutor(1) as pool:
            struck: list[Future[None]] = []
            for number in range(self.count):
                struck += [pool.submit(strike) for at, strike in strikes if at == number]
                self._wait_for_room()
                self._send(draw_file(rng, next(targets), number), number)
            for strike in struck:
                strike.result()
        self._wait_until_idle()

    def verify(self) -> ChaosSummary:
        """Compare what was promised with what happened."""
        settings, summary = self.cluster.settings(), ChaosSummary()
        known = read_evidence(
            self.cluster.ledger, self.targets, self.sent, list(map(str, self.accepted))
        )
        evidence = replace(known, canceled=self.canceled)
        summary.counts["loads"] = len(evidence.loads)
        summary.counts["attempts"] = sum(load.attempts for load in evidence.loads)
        check_outcomes(evidence, summary)
        callbacks = [
            callback
            for callback in list(self.cluster.receiver.received)
            if callback.path[1:] in self.sent
        ]
        check_notices(evidence, callbacks, settings.mail_dir, summary)
        check_order(evidence, summary)
        check_tables(evidence, open_warehouse(settings), summary)
        check_leftovers(settings, summary)
        return summary

    def _strikes(self) -> Sequence[tuple[int, Callable[[], None]]]:
        """Return what happens, evenly over the way, with the number of the load sent then."""
        cluster = self.cluster
        strikes: Sequence[Callable[[], None]] = (
            lambda: cluster.start("dagster-by-mistake", "daemon"),
            lambda: cluster.kill("worker-1"),
            lambda: cluster.kill("gateway-1"),
            self._lose_redis,
            self._lose_postgres,
            self._lose_s3,
            lambda: cluster.start("worker-1", "worker"),
            lambda: cluster.start("gateway-1", "gateway"),
            self._restart_worker,
            lambda: cluster.stop("dagster-by-mistake"),
        )
        step = self.count // (len(strikes) + 1)
        return [(step * (index + 1), strike) for index, strike in enumerate(strikes)]

    def _lose_redis(self) -> None:
        """Let Redis come back without anything that it had: runs that wait in it are gone."""
        self.cluster.redis.stop()
        rmtree(self.cluster.redis.folder / "appendonlydir")
        time.sleep(OUTAGE_SECONDS)
        self.cluster.redis.start()

    def _lose_postgres(self) -> None:
        self.cluster.postgres.stop()
        time.sleep(OUTAGE_SECONDS)
        self.cluster.postgres.start()

    def _lose_s3(self) -> None:
        with self.cluster.s3_away():
            time.sleep(OUTAGE_SECONDS)

    def _restart_worker(self) -> None:
        self.cluster.stop("worker-2")
        self.cluster.start("worker-2", "worker")

    def _send(self, sent: SentFile, number: int) -> None:
        """Deliver a file and call one gateway after the other until one accepts the load."""
        self.sent[sent.filename] = sent
        self.cluster.upload(sent)
        until = time.monotonic() + ACCEPT_SECONDS
        for host in cycle(GATEWAYS[:: 1 if number % 2 else -1]):
            try:
                job_id = self.cluster.call(host, sent)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
            assert time.monotonic() < until, self.cluster.logs()
        self.accepted[job_id] = sent
        if number % CANCEL_EVERY == 0 and self.cluster.cancel(host, job_id, sent.target):
            self.canceled.add(job_id)
        if number % REPEAT_EVERY == 0:
            self._repeat()

    def _repeat(self) -> None:
        """Repeat the first load that has read its file, as staff do."""
        for job_id in self.accepted:
            try:
                load_actions.repeat(
                    self.cluster.ledger, job_id, "ada", datetime.now(UTC), notify_customer=False
                )
            except Problem:
                continue
            return

    def _wait_for_room(self) -> None:
        """Wait while so many loads have not ended that more would only make the end longer."""
        until = time.monotonic() + END_SECONDS
        while self._unfinished() >= min(MAX_UNFINISHED, self.count // 5):
            assert time.monotonic() < until, self.cluster.logs()
            time.sleep(0.2)

    def _unfinished(self) -> int:
        """Return how many loads have not ended; none is known of while PostgreSQL is away."""
        try:
            return len(self.cluster.ledger.loads.find(states=sorted(UNDERWAY_STATES), limit=1_000))
        except Problem:
            return MAX_UNFINISHED

    def _wait_until_idle(self) -> None:
        """Wait until all loads have ended, and every customer was notified."""
        until = time.monotonic() + END_SECONDS
        while self._unfinished() or self._unnotified():
            assert time.monotonic() < until, (
                f"{self._unfinished()} loads have not ended, {self._unnotified()} customers were "
                f"not notified\n{self.cluster.logs()}"
            )
            time.sleep(0.5)

    def _unnotified(self) -> int:
        arrived = b"".join(callback.body for callback in list(self.cluster.receiver.received))
        return sum(job_id.encode() not in arrived for job_id in self.accepted)
