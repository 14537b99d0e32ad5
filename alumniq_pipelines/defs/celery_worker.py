"""The Celery app of run workers: `celery --app alumniq_pipelines.defs.celery_worker worker`.

Each run has a process of its own, as with Dagster's default launcher: it is forked from one that
has imported what runs need, and ends with the run. So it reads the field maps as they are then, and
nothing of one customer is left in memory when a file of another is loaded.
"""

import importlib
import logging
import os
from typing import Any

from celery import signals
from dagster_celery.config import DEFAULT_CONFIG
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from alumniq_pipelines.defs.celery_config import BACKEND_URL, BROKER_URL, CELERY, QUEUE
from alumniq_pipelines.defs.code_server import PRELOADED
from alumniq_pipelines.defs.program_logs import configure_program_logs
from alumniq_pipelines.defs.start_check import exit_unless_ready
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.telemetry.logs import configure_logs

for name in PRELOADED:
    importlib.import_module(name)

app = make_app(  # type: ignore[no-untyped-call]
    app_args={
        "broker": os.environ[BROKER_URL],
        "backend": os.environ[BACKEND_URL],
        "config_source": {**DEFAULT_CONFIG, **CELERY},
        "task_default_queue": QUEUE,
    }
)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def set_up_logs(**options: Any) -> None:
    """Set up the logs in place of Celery, which would format them in its own way."""
    del options
    configure_program_logs(Settings())
    # As text, unless logs are set up by now.
    configure_logs("text", logging.WARNING)


signals.celeryd_init.connect(lambda **_: exit_unless_ready(), weak=False)
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)
