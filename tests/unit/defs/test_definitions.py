"""The code location as Dagster's users and tools see it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml

from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.defs import tags
from alumniq_pipelines.defs.partitions import feed_partitions
from alumniq_pipelines.defs.run_coordinator import LoadRunCoordinator
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.strict_catalog import read_catalog

HEAVY = ("pandas", "pandera", "duckdb", "pyarrow", "boto3", "httpx", "alembic", "starlette")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        s3_secret_access_key="s3-secret",
        smtp_password="smtp-secret",
        ledger_url="postgresql+psycopg://alumniq:ledger-secret@db/alumniq",
    )


@pytest.fixture(scope="module")
def catalog(settings: Settings) -> Catalog:
    return read_catalog(settings.schemas_dir)


@pytest.fixture(scope="module")
def definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(settings)


def test_definitions_load_without_what_only_runs_need() -> None:
    code = (
        "import sys, json, alumniq_pipelines.definitions as d;"
        "d.defs.get_repository_def().get_all_jobs();"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert json.loads(shown.stdout) == []


def test_making_definitions_touches_nothing(settings: Settings) -> None:
    build_definitions(settings)
    assert list(settings.home.iterdir()) == []


def test_every_feed_is_an_asset_with_its_columns_described(
    definitions: dg.Definitions, catalog: Catalog
) -> None:
    graph = definitions.resolve_asset_graph()
    assert {key.path[-1] for key in graph.get_all_asset_keys()} == {
        feed.asset_name for feed in catalog
    }
    for field_map in catalog:
        node = graph.get(dg.AssetKey(["feeds", field_map.asset_name]))
        shown = node.metadata["dagster/column_schema"]
        assert isinstance(shown, dg.TableSchema)
        columns = shown.columns
        assert [column.name for column in columns] == [column.name for column in field_map.columns]
        assert all(column.description for column in columns)
        assert node.description
        assert node.owners
        assert node.group_name == f"wave_{field_map.alumniq.wave}"
        assert node.partitions_def == feed_partitions(field_map)
        assert {check_key.name for check_key in node.check_keys} == {
            "schema",
            "keys",
            "references",
            "warnings",
            "row_count",
            "changes",
            "freshness",
        }


def test_feeds_that_refer_to_another_are_downstream_of_it(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["feeds", "warehouse_degrees"])).parent_keys
    assert dg.AssetKey(["feeds", "warehouse"]) in parents


def test_every_sensor_runs_by_default_and_says_what_it_is_for(
    definitions: dg.Definitions,
) -> None:
    sensors = list(definitions.get_repository_def().sensor_defs)
    assert {sensor.name for sensor in sensors} == {
        "load_requests",
        "notifications",
        "reconcile",
        "partitions",
        "silence",
        "heartbeat",
        "holds",
        "archive",
        "retention",
        "key_notices",
        "s3_keys",
    }
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in sensors)
    assert all(sensor.description for sensor in sensors)


def test_no_secret_is_in_what_dagster_shows_of_resources(definitions: dg.Definitions) -> None:
    shown = [
        repr(
            resource.config_schema.default_value if resource.config_schema.default_provided else ""
        )
        for resource in definitions.get_repository_def().get_top_level_resources().values()
    ]
    assert shown
    assert not [text for text in shown if "secret" in text]


def test_the_queue_counts_tags_that_every_load_has() -> None:
    instance = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))
    limits = instance["concurrency"]["runs"]["tag_concurrency_limits"]
    target = Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(new_job_id(), target, "warehouse.csv", None, None)
    load = Load(1, request, LoadState.QUEUED, 0, datetime.now(UTC))
    assert {limit["key"] for limit in limits} <= set(tags.tags_of(load, 1))
    assert not instance["run_retries"]["enabled"], "The ledger alone requests runs."
    assert "num_submit_workers" not in instance["sensors"], "Parallel submission loses the order."


def test_dagster_accepts_its_instance_file(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes((REPOSITORY / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert not instance.run_retries_enabled
        assert isinstance(instance.run_coordinator, LoadRunCoordinator)
        assert not instance.telemetry_enabled
