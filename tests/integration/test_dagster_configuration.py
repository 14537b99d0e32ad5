"""dagster.yaml: made from the settings, and never in place of one that somebody wrote."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import dagster as dg
import pytest
import yaml

from alumniq_pipelines.cli.dagster_configuration import check_profile, write_configuration
from alumniq_pipelines.cli.home import prepare_installation
from alumniq_pipelines.cli.programs import programs_environment
from alumniq_pipelines.core.problems.setup import NotForSeveralHosts, UnusableLauncher
from alumniq_pipelines.settings import REPOSITORY, Settings

OWN = "telemetry: {enabled: false}\n# by hand\n"


def written(settings: Settings) -> str:
    write_configuration(settings)
    return (settings.dagster_home / "dagster.yaml").read_text("utf-8")


def test_without_other_settings_it_says_what_the_repositorys_file_says(tmp_path: Path) -> None:
    expected = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text("utf-8"))
    assert yaml.safe_load(written(Settings(data_dir=tmp_path))) == expected


def test_limits_follow_the_settings_and_are_written_anew_at_every_start(tmp_path: Path) -> None:
    written(Settings(data_dir=tmp_path))
    text = written(Settings(data_dir=tmp_path, max_concurrent_runs=40, max_customer_runs=7))
    runs = yaml.safe_load(text)["concurrency"]["runs"]
    assert runs["max_concurrent_runs"] == 40
    limits = {limit["key"]: limit["limit"] for limit in runs["tag_concurrency_limits"]}
    assert limits == {"alumniq/target": 1, "alumniq/customer": 7}


def test_what_an_operator_wrote_is_never_overwritten(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, dagster_home=tmp_path / "home")
    settings.dagster_home.mkdir()
    (settings.dagster_home / "dagster.yaml").write_text(OWN)
    assert written(settings) == OWN
    made = written(Settings(data_dir=tmp_path / "other"))
    without_mark = made.partition("\n")[2]
    (settings.dagster_home / "dagster.yaml").write_text(without_mark)
    assert written(settings) == without_mark


def test_the_copy_of_an_earlier_release_is_replaced(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, max_concurrent_runs=9)
    settings.dagster_home.mkdir()
    earlier = (REPOSITORY / "dagster.yaml").read_text("utf-8")
    (settings.dagster_home / "dagster.yaml").write_text(earlier)
    assert "max_concurrent_runs: 9" in written(settings)


def test_dagsters_own_variable_names_its_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    settings = Settings(data_dir=tmp_path)
    assert settings.dagster_home == tmp_path / "elsewhere"
    assert programs_environment(settings)["DAGSTER_HOME"] == str(tmp_path / "elsewhere")
    assert Settings(dagster_home=tmp_path / "set").dagster_home == tmp_path / "set"


def test_a_launcher_is_read_from_a_file(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher.yaml"
    launcher.write_text(
        "module: dagster._core.launcher.sync_in_memory_run_launcher\n"
        "class: SyncInMemoryRunLauncher\n"
    )
    settings = Settings(data_dir=tmp_path, launcher=str(launcher))
    written(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert type(instance.run_launcher).__name__ == "SyncInMemoryRunLauncher"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "FileNotFoundError"),
        ("[", "ParserError"),
        ("- 1", "other keys than"),
        ("module: dagster", "other keys than"),
        ("{module: dagster, class: A, broker: b}", "other keys than"),
        (
            "{module: dagster_nowhere.launcher, class: A}",
            "dagster_nowhere.launcher is not installed",
        ),
        ("{module: dagster.nowhere, class: A}", "dagster.nowhere is not installed"),
    ],
)
def test_an_unusable_launcher_is_refused_with_the_reason(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    launcher = tmp_path / "launcher.yaml"
    if content is not None:
        launcher.write_text(content)
    settings = Settings(data_dir=tmp_path, launcher=str(launcher))
    with pytest.raises(UnusableLauncher, match=reason):
        write_configuration(settings)
    assert not settings.dagster_home.exists()


RUN = """
import signal
import dagster as dg
signal.signal(signal.SIGINT, signal.SIG_DFL)  # by which Dagster ends the processes that copy logs
with dg.DagsterInstance.get() as instance:
    with instance.compute_log_manager.capture_logs(["run", "step"]):
        print("printed by a run", flush=True)
"""


def test_what_runs_print_is_stored_in_s3(tmp_path: Path, s3_endpoint: str) -> None:
    settings = Settings(
        data_dir=tmp_path,
        compute_logs_bucket="compute-logs",
        s3_endpoint_url=s3_endpoint,
        s3_access_key_id="key",
        s3_secret_access_key="secret",
    )
    assert "secret" not in written(settings)
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="compute-logs")
    environment = programs_environment(settings) | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", RUN], env=environment, check=True)
    stored = client.list_objects_v2(Bucket="compute-logs")["Contents"]
    texts = [
        client.get_object(Bucket="compute-logs", Key=found["Key"])["Body"].read()
        for found in stored
    ]
    assert any(b"printed by a run" in text for text in texts)


EVERYWHERE: dict[str, Any] = {
    "ledger_url": "postgresql://ada@db/ledger",
    "bucket": "s3",
    "archive_bucket": "archive",
    "warehouse": "postgres",
    "signing_key": "00" * 32,
    "encryption_key": "one",
}
"""What runs on other hosts need."""


@pytest.mark.parametrize("missing", EVERYWHERE)
def test_runs_on_other_hosts_need_what_every_host_can_reach(tmp_path: Path, missing: str) -> None:
    given = {name: value for name, value in EVERYWHERE.items() if name != missing}
    settings = Settings(data_dir=tmp_path / "data", launcher="launcher.yaml", **given)
    with pytest.raises(NotForSeveralHosts, match=f"ALUMNIQ_{missing.upper()}") as refused:
        prepare_installation(settings)
    others = [name for name in given if f"ALUMNIQ_{name.upper()}" in refused.value.advice]
    assert not others
    assert not settings.data_dir.exists()


def test_celery_needs_a_broker_besides() -> None:
    with pytest.raises(NotForSeveralHosts, match="ALUMNIQ_CELERY_BROKER_URL"):
        check_profile(Settings(launcher="celery", **EVERYWHERE))
    check_profile(Settings(launcher="celery", celery_broker_url="redis://queue/0", **EVERYWHERE))


def test_kubernetes_needs_an_image_and_its_extra_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotForSeveralHosts, match="ALUMNIQ_K8S_IMAGE, the image"):
        check_profile(Settings(launcher="k8s", **EVERYWHERE))
    complete = Settings(launcher="k8s", k8s_image="alumniq:1", **EVERYWHERE)
    check_profile(complete)
    monkeypatch.setitem(sys.modules, "dagster_k8s", None)  # as if it were not installed
    with pytest.raises(NotForSeveralHosts, match=r"pip install 'alumniq-pipelines\[k8s\]'"):
        check_profile(complete)


def test_celerys_addresses_are_in_the_environment_of_the_programs_alone(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, launcher="celery", celery_broker_url="redis://:s3cret@queue/0"
    )
    assert "s3cret" not in written(settings)
    with (
        mock.patch.dict(os.environ, programs_environment(settings)),
        dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance,
    ):
        launcher: Any = instance.run_launcher
        assert type(launcher).__name__ == "CeleryRunLauncher"
        assert launcher.broker == launcher.backend == "redis://:s3cret@queue/0"


def test_with_all_of_it_or_without_another_launcher_nothing_is_missing() -> None:
    check_profile(Settings(launcher="launcher.yaml", **EVERYWHERE))
    check_profile(Settings())
