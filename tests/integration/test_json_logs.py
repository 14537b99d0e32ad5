"""Programs that log JSON: the gateway, Dagster's and Celery's."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from alumniq_pipelines.cli.programs import DAGSTER
from alumniq_pipelines.defs.celery_config import BACKEND_URL, BROKER_URL
from tests.servers.gateway import WEBHOOK, Caller, Installation, serve_installation


def test_each_line_of_the_gateway_is_json_and_names_the_load(
    installation: Installation, caller: Caller
) -> None:
    with serve_installation(installation, ALUMNIQ_LOG_FORMAT="json") as gateway:
        options = {"apiKey": caller.key, "filename": "warehouse.csv"}
        accepted = httpx.post(f"{gateway.url}{WEBHOOK}", json=options)
        assert accepted.status_code == 200
        assert httpx.get(f"{gateway.url}/nothing").status_code == 404
        gateway.stop()
    text = gateway.log.read_text("utf-8")
    records = [json.loads(line) for line in text.splitlines()]
    [call] = [record for record in records if record["message"].startswith(f"POST {WEBHOOK} 200")]
    assert (call["job_id"], call["feed"]) == (accepted.json()["jobId"], "warehouse")
    assert (call["customer"], call["environment"]) == ("iqu", "qa")
    assert call["duration_ms"] > 0
    [other] = [record for record in records if record["message"].startswith("GET /nothing 404")]
    assert "job_id" not in other
    assert caller.key not in text
    assert "warehouse.csv" not in text


CELERY = """
import logging, sys
from celery import signals
from alumniq_pipelines.defs.celery_worker import app
app.log.setup(loglevel="DEBUG")
logging.getLogger("celery.worker").warning("of Celery")
logging.getLogger("celery.worker").info("too quiet")
"""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_celery_worker_logs_in_our_format_and_nothing_below_a_warning(log_format: str) -> None:
    broker = {BROKER_URL: "memory://", BACKEND_URL: "cache+memory://"}
    done = subprocess.run(
        [sys.executable, "-c", CELERY],
        env=os.environ | broker | {"ALUMNIQ_LOG_FORMAT": log_format},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in (done.stdout + done.stderr).splitlines() if line]
    if log_format == "json":
        assert json.loads(line)["message"] == "of Celery"
    else:
        assert line.endswith("WARNING celery.worker of Celery")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [(["daemon", "run", "--help"], "--workspace"), (["webserver", "--help"], "--workspace")],
)
def test_the_programs_of_dagster_take_its_own_arguments(arguments: list[str], option: str) -> None:
    done = subprocess.run(
        [*DAGSTER, *arguments], capture_output=True, text=True, check=True, timeout=120
    )
    assert option in done.stdout
