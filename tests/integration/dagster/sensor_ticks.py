"""Ticks of the sensors, and runs as Dagster would have left them."""

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.defs.tags import JOB_ID
from tests.integration.dagster.conftest import Installation

ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("localhost", 1), "__repository__"),
    "load_warehouse_lookups",
)
"""Where the code of a queued run is; nothing listens there."""


def evaluate(installation: Installation, name: str, cursor: str | None = None) -> object:
    """Evaluate a sensor once, as the daemon does."""
    repository = installation.definitions.get_repository_def()
    with dg.build_sensor_context(
        installation.instance,
        repository_def=repository,
        resources={"ledger": installation.ledger},
        sensor_name=name,
        cursor=cursor,
    ) as context:
        return repository.get_sensor_def(name)(context)


def tick(installation: Installation, name: str) -> dg.SensorResult:
    """Evaluate a sensor that returns requests."""
    found = evaluate(installation, name)
    assert isinstance(found, dg.SensorResult)
    return found


def skip(installation: Installation, name: str, cursor: str | None = None) -> str:
    """Evaluate a sensor that returns a message only."""
    found = evaluate(installation, name, cursor)
    assert isinstance(found, dg.SkipReason)
    return found.skip_message or ""


def a_run_of(installation: Installation, load: Load, status: DagsterRunStatus, **tags: str) -> str:
    """Record a run of a load's present launch as Dagster would have left it."""
    run: dg.DagsterRun = create_run_for_test(
        installation.instance,
        job_name=ORIGIN.job_name,
        status=status,
        tags={**installation.tags_of(load), **tags},
        remote_job_origin=ORIGIN,
    )
    return run.run_id


def requested(installation: Installation) -> list[str]:
    """Tick the request sensor and return the job ids of the loads for which it requested runs."""
    requests = tick(installation, "load_requests").run_requests or ()
    return [request.tags[JOB_ID] for request in requests]
