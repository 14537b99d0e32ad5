"""Runs made by hand get the tags of their table when they enter Dagster's queue."""

from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.test_utils import create_run_for_test

from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.defs.run_coordinator import LoadRunCoordinator, target_of
from alumniq_pipelines.defs.tags import PARTITION, TARGET, target_tags
from tests.integration.dagster.sensor_ticks import ORIGIN

TABLE = Target("iqu", Environment.QA, "warehouse-lookups")
ASSET = dg.AssetKey(["feeds", "warehouse_lookups"])


def run_by_hand(**fields: object) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="__ASSET_JOB", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "run",
    [
        run_by_hand(asset_selection={ASSET}, tags={PARTITION: "iqu.qa"}),
        dg.DagsterRun(job_name="load_warehouse_lookups", tags={PARTITION: "iqu.qa"}),
    ],
)
def test_the_table_of_a_run_is_known_by_its_partition_and_its_asset_or_job(
    run: dg.DagsterRun,
) -> None:
    assert target_of(run) == TABLE


@pytest.mark.parametrize(
    "run",
    [
        run_by_hand(asset_selection={ASSET}),
        run_by_hand(asset_selection={ASSET}, tags={PARTITION: "nonsense"}),
        run_by_hand(tags={PARTITION: "iqu.qa"}),
        run_by_hand(
            asset_selection={ASSET, dg.AssetKey(["feeds", "other"])}, tags={PARTITION: "iqu.qa"}
        ),
    ],
)
def test_a_run_of_no_single_table_has_none(run: dg.DagsterRun) -> None:
    assert target_of(run) is None


def test_a_run_made_by_hand_waits_with_the_tags_of_its_table(tmp_path: Path) -> None:
    """Without them no limit held for it, and it ran beside a load of the same table."""
    with dg.DagsterInstance.local_temp(
        str(tmp_path),
        overrides={
            "run_coordinator": {
                "module": LoadRunCoordinator.__module__,
                "class": LoadRunCoordinator.__name__,
            }
        },
    ) as instance:
        run = create_run_for_test(
            instance,
            job_name="load_warehouse_lookups",
            tags={PARTITION: "iqu.qa"},
            remote_job_origin=ORIGIN,
        )
        coordinator = instance.run_coordinator
        coordinator.submit_run(SubmitRunContext(run, None))  # type: ignore[arg-type]
        queued = instance.get_run_by_id(run.run_id)
    assert queued
    assert queued.status is DagsterRunStatus.QUEUED
    assert queued.tags[TARGET] == "iqu/qa/warehouse-lookups"
    assert target_tags(TABLE).items() <= queued.tags.items()
