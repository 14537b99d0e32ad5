"""deploy/helm: what Dagster's chart gets is what our own configuration of Dagster says.

The chart itself is not at hand. Its templates copy these values into Dagster's configuration.
"""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from alumniq_pipelines.adapters.postgresql import startup_options
from alumniq_pipelines.cli.dagster_configuration import configuration
from alumniq_pipelines.cli.dagster_storage import SCHEMA
from alumniq_pipelines.cli.programs import CODE_SERVER_THREADS
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.kubernetes_manifests import named, templates

TEXT = (REPOSITORY / "deploy" / "helm" / "dagster-values.yaml").read_text("utf-8")
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
PROGRAMS = {
    "code": VALUES["dagster-user-deployments"]["deployments"][0],
    "web": VALUES["dagsterWebserver"],
    "daemon": VALUES["dagsterDaemon"],
}


@pytest.fixture
def expected(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what `alumniq up` would write with the settings of the manifests."""
    variables = named("ConfigMap")["alumniq"]["data"]
    own = {
        "ALUMNIQ_DATA_DIR": "/var/lib/alumniq/data",
        "ALUMNIQ_K8S_NAMESPACE": PROGRAMS["code"]["env"]["ALUMNIQ_K8S_NAMESPACE"],
        "DAGSTER_HOME": VALUES["global"]["dagsterHome"],
    }
    for name, value in (variables | own).items():
        monkeypatch.setenv(name, value)
    return configuration(Settings())


def snake_case(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping whose keys Dagster's chart spells in its own way, as Dagster spells them."""
    return {re.sub("[A-Z]", lambda at: f"_{at[0].lower()}", key): it for key, it in values.items()}


def test_runs_are_started_as_the_settings_say(expected: dict[str, Any]) -> None:
    launcher = VALUES["runLauncher"]["config"]["customRunLauncher"]
    config = dict(launcher["config"])
    # The chart's storage takes its password from there.
    assert config.pop("postgres_password_secret") == VALUES["global"]["postgresqlSecretName"]
    assert {**launcher, "config": config} == expected["run_launcher"]


def test_runs_are_queued_and_monitored_as_the_settings_say(expected: dict[str, Any]) -> None:
    daemon = VALUES["dagsterDaemon"]
    coordinator = daemon["runCoordinator"]["config"]["customRunCoordinator"]
    assert coordinator == expected["run_coordinator"]
    assert snake_case(daemon["runMonitoring"]) == expected["run_monitoring"]
    assert snake_case(daemon["runRetries"]) == expected["run_retries"]
    assert snake_case(daemon["sensors"]) == expected["sensors"]
    runs = expected["concurrency"]["runs"]
    assert snake_case(VALUES["concurrency"]["runs"]) == runs


def test_logs_and_telemetry_are_as_the_settings_say(expected: dict[str, Any]) -> None:
    manager = VALUES["computeLogManager"]["config"]["customComputeLogManager"]
    assert manager == expected["compute_logs"]
    assert VALUES["telemetry"] == expected["telemetry"]


def test_dagsters_records_are_in_the_schema_that_alumniq_migrate_makes() -> None:
    options = VALUES["postgresql"]["postgresqlParams"]["options"].replace("-c ", "-c").split()
    own = {"search_path": SCHEMA, "idle_in_transaction_session_timeout": "0"}
    assert set(options) == {f"-c{name}={value}" for name, value in own.items()}
    assert set(options) <= set(startup_options(**own).split())


@pytest.mark.parametrize("component", PROGRAMS)
def test_a_program_of_the_chart_is_like_that_of_the_manifests(component: str) -> None:
    program, pod = PROGRAMS[component], templates()[component]["spec"]
    [container] = pod["containers"]
    assert program["podSecurityContext"] == pod["securityContext"]
    assert program["securityContext"] == container["securityContext"]
    assert program["resources"] == container["resources"]
    image = program["image"]
    assert f"{image['repository']}:{image['tag']}" == container["image"]
    assert program["labels"] == {"app.kubernetes.io/component": component}
    sources = [program["envConfigMaps"], program["envSecrets"]]
    assert sources == [[{"name": "alumniq"}], [{"name": "alumniq"}]]


def test_the_code_server_of_the_chart_has_our_threads_and_adds_nothing_to_runs() -> None:
    code = PROGRAMS["code"]
    assert int(code["env"]["DAGSTER_GRPC_MAX_WORKERS"]) == CODE_SERVER_THREADS
    # What it added would be refused: the launcher allows nothing.
    assert code["includeConfigInLaunchedRuns"] == {"enabled": False}
    [server] = VALUES["dagsterWebserver"]["workspace"]["servers"]
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text("utf-8"))
    location = workspace["load_from"][0]["python_module"]["location_name"]
    assert server == {"host": code["name"], "port": code["port"], "name": location}


def test_the_accounts_are_those_of_the_manifests() -> None:
    assert VALUES["global"]["serviceAccountName"] in named("ServiceAccount")
    assert VALUES["serviceAccount"] == {"create": False}
    assert VALUES["rbacEnabled"] is False
