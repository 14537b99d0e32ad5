"""Hosts and what they share fail in the cluster profile, and no load notices."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.chaos.sent_files import SentFile
from tests.e2e.cluster import FEED, LOAD_SECONDS, Cluster, running_cluster
from tests.e2e.cluster_storm import ClusterStorm

CUSTOMERS = ("iqu", "ocu", "abc", "def", "ghi", "jkl")
FIRST = tuple(Target(name, Environment.QA, FEED) for name in ("iqu", "ocu"))
WORKERS = ("worker-1", "worker-2", "worker-3")
LARGE = 1_500_000

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_500)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> Iterator[Cluster]:
    """Six customers; two gateways, Dagster's programs and three hosts of workers."""
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder, s3_endpoint, CUSTOMERS, WORKERS) as running:
        yield running


def send(cluster: Cluster, target: Target, number: int, rows: int) -> JobId:
    """Deliver a file and call the webhook."""
    sent = SentFile(target, f"first-{target.customer}-{number}.csv", rows, 0)
    cluster.upload(sent)
    return cluster.call("gateway-1", sent)


def results_of(cluster: Cluster, job_id: JobId) -> list[AttemptResult | None]:
    return [attempt.result for attempt in cluster.ledger.attempts.of(job_id)]


def wait_until_begun(cluster: Cluster, job_ids: list[JobId]) -> None:
    """Wait until a worker has begun each of the loads."""
    until = time.monotonic() + LOAD_SECONDS
    while not all(cluster.ledger.attempts.of(job_id) for job_id in job_ids):
        assert time.monotonic() < until, cluster.logs()
        time.sleep(0.1)


def test_loads_of_two_customers_are_carried_out_by_workers_on_other_hosts(cluster: Cluster) -> None:
    sent = [send(cluster, target, n, rows=50 + n) for n in range(3) for target in FIRST]
    loads = cluster.wait_for(sent)
    assert {load.state for load in loads} == {LoadState.SUCCEEDED}
    notified = Counter(request.path for request in cluster.receiver.wait_for(len(sent)))
    names = [f"/first-{target.customer}-{n}.csv" for n in range(3) for target in FIRST]
    assert notified == Counter(names)


def test_hosts_that_vanish_or_are_stopped_in_mid_load_lose_nothing(cluster: Cluster) -> None:
    """Their loads are tried again elsewhere and end once; a stop counts as no try."""
    cluster.stop("worker-3")
    sent = [send(cluster, target, 10, rows=LARGE) for target in FIRST]
    wait_until_begun(cluster, sent)
    cluster.kill("worker-1")
    cluster.terminate("worker-2")
    cluster.start("worker-2", "worker")
    cluster.start("worker-3", "worker")
    loads = cluster.wait_for(sent)
    assert {load.state for load in loads} == {LoadState.SUCCEEDED}
    results = sorted(results_of(cluster, job_id) for job_id in sent)
    published = AttemptResult.PUBLISHED
    assert results == [[AttemptResult.LOST, published], [AttemptResult.STOPPED, published]]
    cluster.start("worker-1", "worker")


def test_three_hundred_loads_survive_the_failure_of_everything_that_they_need(
    cluster: Cluster,
) -> None:
    storm = ClusterStorm(cluster, [target for target in cluster.keys if target not in FIRST])
    storm.run()
    summary = storm.verify()
    assert summary.breaches == [], f"{summary.line}\n{cluster.logs()}"
    assert summary.counts["loads"] >= 300
    assert summary.counts["canceled"] > 0
    assert summary.counts["failed-by-us"] == 0
