"""Runs as Jobs of Kubernetes: what Dagster's launcher asks the cluster for, and what a pod does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._core.code_pointer import CodePointer
from dagster._core.launcher import WorkerStatus
from dagster._core.origin import (
    DEFAULT_DAGSTER_ENTRY_POINT,
    JobPythonOrigin,
    RepositoryPythonOrigin,
)
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.run_tables import worker_leases
from alumniq_pipelines.cli.dagster_configuration import write_configuration
from alumniq_pipelines.cli.kubernetes_launcher import kubernetes_launcher
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.settings import REPOSITORY, Settings, child_environment
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation
from tests.kubernetes_manifests import manifests
from tests.servers.kubernetes import TOKEN, KubernetesApi, run_kubernetes

IMAGE = "registry.example.edu/alumniq:1.2"
KUBERNETES = "1.37"
JOB = "load_warehouse_lookups"
POINTER = CodePointer.from_module("alumniq_pipelines.definitions", "defs", str(REPOSITORY))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "launcher": "k8s",
            "k8s_image": IMAGE,
            "k8s_namespace": "feeds",
            "dagster_home": settings.home / "dagster",
        }
    )


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    with run_kubernetes(tmp_path, monkeypatch) as api:
        yield api


@pytest.fixture
def instance(settings: Settings, cluster: KubernetesApi) -> Iterator[dg.DagsterInstance]:
    """Return the instance of which the settings make the dagster.yaml."""
    del cluster
    write_configuration(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as made:
        yield made


@pytest.fixture
def load(installation: Installation) -> Load:
    installation.put(HEADER + ROWS)
    accepted = installation.accept()
    assert installation.ledger.queue.request(accepted, datetime.now(UTC))
    return accepted


def launch(installation: Installation, load: Load, **tags: str) -> str:
    """Launch a run of a load as the daemon does, once Dagster's queue lets it."""
    repository = RepositoryPythonOrigin(
        executable_path=sys.executable,
        code_pointer=POINTER,
        container_image=None,
        entry_point=[sys.executable, "-m", *DEFAULT_DAGSTER_ENTRY_POINT],
        container_context=None,
    )
    run = installation.instance.create_run_for_job(
        installation.definitions.resolve_job_def(JOB),
        tags={**installation.tags_of(load), "dagster/partition": TARGET.partition_key, **tags},
        run_config={"ops": {"feeds__warehouse_lookups": {"config": {}}}},
        job_code_origin=JobPythonOrigin(JOB, repository),
    )
    installation.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]
    return run.run_id


def pod_of(job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the description of a Job's pod, and of its only container."""
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return pod, container


def test_a_run_becomes_a_job_that_kubernetes_accepts(
    installation: Installation, cluster: KubernetesApi, load: Load
) -> None:
    run_id = launch(installation, load)
    [(name, job)] = cluster.jobs.items()
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    assert name == f"dagster-run-{run_id}"
    assert "POST /apis/batch/v1/namespaces/feeds/jobs" in cluster.calls
    assert {token and token.lower() for token in cluster.tokens} == {f"bearer {TOKEN}"}
    pod, container = pod_of(job)
    assert (pod["restartPolicy"], job["spec"]["backoffLimit"]) == ("Never", 0)
    assert (pod["serviceAccountName"], container["image"]) == ("alumniq-run", IMAGE)
    assert container["resources"]["limits"] == {"memory": "2Gi"}
    assert container["envFrom"] == [
        {"configMapRef": {"name": "alumniq"}},
        {"secretRef": {"name": "alumniq"}},
    ]


def test_a_runs_pod_can_read_its_settings_and_do_nothing_in_the_cluster(
    installation: Installation, cluster: KubernetesApi, load: Load
) -> None:
    launch(installation, load)
    pod, container = pod_of(next(iter(cluster.jobs.values())))
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounted) == {str(installation.settings.home), "/tmp"}
    assert pod["volumes"] == [{"name": name, "emptyDir": {}} for name in mounted.values()]
    assert installation.settings.scratch_dir.is_relative_to(installation.settings.home)


def test_folders_elsewhere_are_volumes_of_a_runs_pod_too(settings: Settings) -> None:
    elsewhere = {"scratch_dir": Path("/scratch"), "dagster_home": Path("/dagster")}
    launcher = kubernetes_launcher(settings.model_copy(update=elsewhere))
    pods = launcher["config"]["run_k8s_config"]
    mounts = pods["container_config"]["volumeMounts"]
    mounted = {mount["name"]: mount["mountPath"] for mount in mounts}
    assert (mounted["scratch"], mounted["dagster"]) == ("/scratch", "/dagster")
    assert [volume["name"] for volume in pods["pod_spec_config"]["volumes"]] == list(mounted)


def test_nobody_can_change_a_runs_pod_by_a_tag(
    installation: Installation, cluster: KubernetesApi, load: Load
) -> None:
    """Anyone who may start runs in the Dagster UI may enter tags."""
    other = json.dumps({"container_config": {"image": "elsewhere/image"}})
    with pytest.raises(Exception, match=r"violated the allowed list: container_config\.image"):
        launch(installation, load, **{"dagster-k8s/config": other})
    assert cluster.jobs == {}


def test_the_process_of_a_pod_carries_out_the_load_without_the_clusters_credentials(
    installation: Installation, cluster: KubernetesApi, load: Load
) -> None:
    """It is passed Dagster's instance, and finds the settings in its environment."""
    run_id = launch(installation, load)
    _, container = pod_of(cluster.jobs[f"dagster-run-{run_id}"])
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    mapped = {
        name: value
        for name, value in child_environment(installation.settings).items()
        if name.startswith("ALUMNIQ_")
    }
    command = [*container["command"], *container["args"]]
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]],
        env={"PATH": os.environ["PATH"], **mapped, **given},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    run = installation.instance.get_run_by_id(run_id)
    assert run
    assert run.status is DagsterRunStatus.SUCCESS, done.stdout + done.stderr
    loaded = installation.again(load)
    assert loaded.state is LoadState.SUCCEEDED
    assert loaded.counts
    assert loaded.counts.rows_accepted == 100
    with installation.ledger.database.reading() as connection:
        lease = connection.execute(select(worker_leases)).one()
    assert (lease.run_id, lease.ended_at is None) == (run_id, False)


def test_a_run_that_is_stopped_takes_its_job_along(
    installation: Installation, cluster: KubernetesApi, load: Load
) -> None:
    run_id = launch(installation, load)
    run = installation.instance.get_run_by_id(run_id)
    assert run
    health = installation.instance.run_launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.RUNNING
    assert "could not be found" not in (health.msg or "")
    assert installation.instance.run_launcher.terminate(run_id)
    assert cluster.jobs == {}


def rights_for(call: str) -> tuple[str, str]:
    """Return the resource and the verb that a call of the API needs a right for."""
    method, _, path = call.partition(" ")
    resource, name, sub = [*path.partition("/namespaces/feeds/")[2].split("/"), "", ""][:3]
    reading = "get" if name else "list"
    verb = {"GET": reading, "POST": "create", "DELETE": "delete"}[method]
    return f"{resource}/{sub}" if sub else resource, verb


def test_dagsters_programs_have_the_rights_that_they_use(
    installation: Installation, cluster: KubernetesApi, load: Load
) -> None:
    """The Role of the manifests, compared with what the launcher asks of the API."""
    run_id = launch(installation, load)
    run = installation.instance.get_run_by_id(run_id)
    assert run
    launcher = installation.instance.run_launcher
    launcher.check_run_worker_health(run)
    assert launcher.get_run_worker_debug_info(run)
    launcher.terminate(run_id)
    [role] = manifests("Role")
    granted = {
        (resource, verb)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    used = {rights_for(call) for call in cluster.calls}
    assert ("jobs", "create") in used
    assert used - granted == set()


@pytest.mark.parametrize("own_file", [False, True])
def test_a_pod_may_wait_for_a_node_and_its_run_is_never_resumed(
    settings: Settings, cluster: KubernetesApi, tmp_path: Path, *, own_file: bool
) -> None:
    """The ledger alone decides whether a load gets another run."""
    del cluster
    if own_file:
        launcher = tmp_path / "launcher.yaml"
        launcher.write_text(yaml.safe_dump(kubernetes_launcher(settings)), encoding="utf-8")
        settings = settings.model_copy(update={"launcher": str(launcher)})
    write_configuration(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert_patient(instance)


def assert_patient(instance: dg.DagsterInstance) -> None:
    assert type(instance.run_launcher).__name__ == "K8sRunLauncher"
    assert instance.run_monitoring_start_timeout_seconds == 600
    assert instance.run_monitoring_max_resume_run_attempts == 0
    assert instance.run_retries_enabled is False
