"""Foreign keys from end to end: checked against what another load has published."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.integration.dagster.conftest import TARGET, Installation

DESIGNATIONS = replace(TARGET, feed="warehouse-designations")
UNITS = '"list","code","description","sortOrder","isActive"\n"unit","AS","Arts","1","true"\n'
FUNDS = '"code","name","unit"\n"01","One","AS"\n"02","Two","EN"\n"03","Three",""\n'
ORPHAN = (
    "`unit` does not match any row of the feed warehouse-lookups where `list` = unit "
    "(1 row, line 3)"
)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Make the references of designations reject rows, if a test asks for it."""
    if not getattr(request, "param", False):
        return settings
    folder = settings.data_dir.with_name("schemas")
    shutil.copytree(REPOSITORY / "schemas", folder)
    path = folder / "warehouse-designations.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("where: {", "severity: error, where: {"), encoding="utf-8")
    return settings.model_copy(update={"schemas_dir": folder})


@pytest.fixture
def referring(installation: Installation) -> Installation:
    """Subscribe the customer to designations, too."""
    installation.ledger.customers.subscribe(Subscription(DESIGNATIONS), datetime.now(UTC))
    name = "feeds/warehouse_designations"
    installation.instance.add_dynamic_partitions(name, [DESIGNATIONS.partition_key])
    return installation


def loaded(installation: Installation) -> tuple[Load, dg.AssetCheckEvaluation]:
    """Load designations; return the load, and the check of references."""
    installation.put(FUNDS, "designations.csv")
    load = installation.accept("designations.csv", DESIGNATIONS)
    run = installation.execute(load)
    installation.reconcile()
    evaluations = {
        evaluation.check_name: evaluation for evaluation in run.get_asset_check_evaluations()
    }
    assert all(evaluations[name].passed for name in ("schema", "keys", "warnings"))
    return installation.again(load), evaluations["references"]


def metadata(check: dg.AssetCheckEvaluation) -> Mapping[str, object]:
    return {name: value.value for name, value in check.metadata.items()}


def publish_units(installation: Installation) -> None:
    installation.put(UNITS)
    assert installation.execute(installation.accept()).success


def test_an_orphan_that_only_warns_is_published_and_shown_as_a_warning(
    referring: Installation,
) -> None:
    publish_units(referring)
    load, check = loaded(referring)
    assert load.state is LoadState.SUCCEEDED
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description
    assert check.description.startswith(ORPHAN)
    assert metadata(check) == {"error types": 1, "violations": 1}


@pytest.mark.parametrize("settings", [True], indirect=True)
def test_a_rejected_orphan_fails_the_load_and_its_customer_is_notified(
    referring: Installation,
) -> None:
    publish_units(referring)
    load, check = loaded(referring)
    assert load.state is LoadState.FAILED
    assert ORPHAN in load.errors
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (attempt,) = referring.ledger.attempts.of(load.job_id)
    assert attempt.result is AttemptResult.REFUSED


@pytest.mark.parametrize("settings", [True], indirect=True)
def test_where_nothing_is_live_to_refer_to_the_check_passes_and_says_so(
    referring: Installation,
) -> None:
    load, check = loaded(referring)
    assert load.state is LoadState.SUCCEEDED
    assert check.passed
    assert check.description == (
        "The feed warehouse-lookups has no live data yet, so references to it were not checked."
    )
