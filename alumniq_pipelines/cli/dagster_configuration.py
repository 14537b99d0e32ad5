"""Dagster's own configuration, made from the settings and the repository's dagster.yaml."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from alumniq_pipelines.cli.dagster_storage import STORAGE, is_postgresql
from alumniq_pipelines.core.problems.setup import NotForSeveralHosts, UnusableLauncher
from alumniq_pipelines.defs import celery_config
from alumniq_pipelines.defs.tags import CUSTOMER
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.run_queue import CELERY, LOCAL, check_queue
from alumniq_pipelines.settings import REPOSITORY, Settings

MARK = "# Made by alumniq from its settings at every start. To keep changes, delete this line."
EARLIER_MARK = "# Dagster's instance: how runs are queued"
"""How the file began that earlier releases copied at every start."""

CELERY_LAUNCHER = {
    "module": "dagster_celery.launcher",
    "class": "CeleryRunLauncher",
    "config": {
        "broker": {"env": celery_config.BROKER_URL},
        "backend": {"env": celery_config.BACKEND_URL},
        "default_queue": celery_config.QUEUE,
        "config_source": celery_config.CELERY,
    },
}
LAUNCHER_KEYS = {"module", "class", "config"}


def write_configuration(settings: Settings) -> None:
    """Write dagster.yaml in Dagster's home, unless somebody has written one himself.

    Raises UnusableLauncher.
    """
    path = settings.dagster_home / "dagster.yaml"
    if path.exists() and not is_ours(path.read_text(encoding="utf-8")):
        return
    text = yaml.safe_dump(configuration(settings), sort_keys=False)
    make_folder(settings.dagster_home)
    path.write_text(f"{MARK}\n{text}", encoding="utf-8")


def is_ours(text: str) -> bool:
    """Whether a dagster.yaml was made from the settings, not by an operator."""
    return text.startswith((MARK, EARLIER_MARK))


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the content of dagster.yaml; raises UnusableLauncher."""
    made: dict[str, Any] = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text("utf-8"))
    runs = made["concurrency"]["runs"]
    runs["max_concurrent_runs"] = settings.max_concurrent_runs
    for limit in runs["tag_concurrency_limits"]:
        if limit["key"] == CUSTOMER:
            limit["limit"] = settings.max_customer_runs
    if is_postgresql(settings):
        made |= STORAGE
    if settings.launcher == CELERY:
        made["run_launcher"] = CELERY_LAUNCHER
    elif settings.launcher != LOCAL:
        made["run_launcher"] = _read_launcher(Path(settings.launcher))
    if settings.compute_logs_bucket:
        made["compute_logs"] = {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": {
                "bucket": settings.compute_logs_bucket,
                "prefix": "compute-logs",
                "region": settings.s3_region,
                "endpoint_url": settings.s3_endpoint_url,
                "skip_empty_files": True,
            },
        }
    return made


def check_profile(settings: Settings) -> None:
    """Raise NotForSeveralHosts if runs may be on other hosts, and something they need is on one.

    Raises UnusableBroker and UnusableBackend.
    """
    needed = {
        "ALUMNIQ_LEDGER_URL, a PostgreSQL database": is_postgresql(settings),
        "ALUMNIQ_BUCKET=s3": settings.bucket == "s3",
        "ALUMNIQ_ARCHIVE_BUCKET, a bucket of ours": bool(settings.archive_bucket),
        "ALUMNIQ_WAREHOUSE=postgres": settings.warehouse == "postgres",
        "ALUMNIQ_SIGNING_KEY (or _FILE)": settings.signing_key is not None,
        "ALUMNIQ_ENCRYPTION_KEY (or _FILE)": settings.encryption_key is not None,
    }
    if settings.launcher == CELERY:
        needed["ALUMNIQ_CELERY_BROKER_URL (or _FILE), of Redis"] = bool(settings.celery_broker_url)
        needed["the extra, pip install 'alumniq-pipelines[celery]',"] = _is_installed(
            "dagster_celery"
        )
    missing = [setting for setting, is_there in needed.items() if not is_there]
    if settings.launcher != LOCAL and missing:
        raise NotForSeveralHosts(missing)
    check_queue(settings)


def compute_logs_environment(settings: Settings) -> dict[str, str]:
    """Return the variables by which Dagster's programs may write compute logs to S3.

    Its configuration has no keys for them. Without keys of ours, the usual AWS chain has some.
    """
    key_id, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    if not settings.compute_logs_bucket or key_id is None or secret is None:
        return {}
    return {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret.get_secret_value()}


def celery_environment(settings: Settings) -> dict[str, str]:
    """Return the variables by which Dagster's programs and workers find the queue of runs."""
    broker = settings.celery_broker_url
    if broker is None:
        return {}
    backend = settings.celery_backend_url or broker
    return {
        celery_config.BROKER_URL: broker.get_secret_value(),
        celery_config.BACKEND_URL: backend.get_secret_value(),
    }


def _read_launcher(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnusableLauncher(str(path), type(error).__name__) from None
    if not isinstance(found, dict) or not {"module", "class"} <= set(found) <= LAUNCHER_KEYS:
        raise UnusableLauncher(str(path), "other keys than module, class and config")
    if not _is_installed(str(found["module"])):
        raise UnusableLauncher(str(path), f"the module {found['module']} is not installed")
    return found


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a package that it is in is not installed
        return False
