"""Dagster's K8sRunLauncher, as the settings describe it: each run is a Job with one pod.

The pod has the settings from a ConfigMap and a Secret, as all our programs in the cluster do, and
can do nothing else: no token of the cluster, a read-only root, and empty folders to write to.
"""

from pathlib import Path
from typing import Any

from alumniq_pipelines.defs.celery_config import MAX_RUN_SECONDS
from alumniq_pipelines.settings import Settings

KUBERNETES = "k8s"
START_SECONDS = 600
"""A pod may have to wait for a node, and a new node for the image."""
STOP_SECONDS = 60
RETENTION_SECONDS = 3600
"""How long Kubernetes keeps a Job that has ended. Dagster would keep each one for a day."""

MODULE = "dagster_k8s"


def kubernetes_launcher(settings: Settings) -> dict[str, Any]:
    """Return what stands under `run_launcher` in dagster.yaml."""
    return {
        "module": f"{MODULE}.launcher",
        "class": "K8sRunLauncher",
        "config": {
            "job_image": settings.k8s_image,
            "job_namespace": settings.k8s_namespace,
            "image_pull_policy": "IfNotPresent",
            "service_account_name": settings.k8s_service_account,
            "dagster_home": str(settings.dagster_home),
            # Dagster requires its name, and reads nothing from it: a run is passed its instance.
            "instance_config_map": settings.k8s_config_map,
            "env_config_maps": [settings.k8s_config_map],
            "env_secrets": [settings.k8s_secret],
            "resources": {
                "requests": {"cpu": settings.k8s_cpu, "memory": settings.k8s_memory},
                "limits": {"memory": settings.k8s_memory},
            },
            # Otherwise a run's tags, which anyone may enter in the UI, could change its pod.
            "only_allow_user_defined_k8s_config_fields": {},
            "only_allow_user_defined_env_vars": [],
            "run_k8s_config": _pods(settings),
        },
    }


def kubernetes_monitoring() -> dict[str, int]:
    """Return what differs under `run_monitoring`: the ledger decides about further attempts."""
    return {"start_timeout_seconds": START_SECONDS, "max_resume_run_attempts": 0}


def _pods(settings: Settings) -> dict[str, Any]:
    """Return what Dagster's own options have no names for, as Kubernetes calls it."""
    folders = _written_folders(settings)
    return {
        "container_config": {
            "command": ["python", "-m", "alumniq_pipelines.cli.run_pod"],
            "volumeMounts": [{"name": name, "mountPath": path} for name, path in folders.items()],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        },
        "pod_spec_config": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": STOP_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": [{"name": name, "emptyDir": {}} for name in folders],
        },
        "job_spec_config": {
            "activeDeadlineSeconds": MAX_RUN_SECONDS,
            "ttlSecondsAfterFinished": RETENTION_SECONDS,
        },
    }


def _written_folders(settings: Settings) -> dict[str, str]:
    """Return the folders that a run writes to, each with a name for its volume."""
    folders = {"data": settings.home, "tmp": Path("/tmp")}  # noqa: S108 - of the pod
    for name, folder in {"scratch": settings.scratch_dir, "dagster": settings.dagster_home}.items():
        if not any(folder.is_relative_to(other) for other in folders.values()):
            folders[name] = folder
    return {name: str(folder) for name, folder in folders.items()}
