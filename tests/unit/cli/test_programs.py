"""The programs of the system are started with what they need to work at the same time."""

from pathlib import Path

import yaml

from alumniq_pipelines.cli.programs import CODE_SERVER, programs
from alumniq_pipelines.settings import REPOSITORY, Settings


def test_the_code_server_has_a_thread_for_every_tick_and_launch_at_once(tmp_path: Path) -> None:
    """Dagster's default on two processors is six threads: ticks that poll made launches wait."""
    stages = programs(Settings(data_dir=tmp_path), tmp_path, now=0)
    command = next(p.command for stage in stages for p in stage if p.name == CODE_SERVER)
    threads = int(command[command.index("--max-workers") + 1])
    configuration = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text("utf-8"))
    ticks = configuration["sensors"]["num_workers"]
    launches = configuration["concurrency"]["runs"]["max_concurrent_runs"]
    pings = 4  # from the daemon and the web server
    assert threads >= ticks + launches + pings
