"""The programs of the system are started with what they need to work at the same time."""

from pathlib import Path

import pytest
import yaml

from alumniq_pipelines.cli.programs import (
    CODE_SERVER,
    GATEWAY,
    ROLES,
    WEB_SERVER,
    WORKER,
    programs,
    write_workspace,
)
from alumniq_pipelines.cli.up import banner_rows, chosen_roles
from alumniq_pipelines.core.problems.setup import UnknownProgram
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


def test_a_host_runs_the_programs_that_it_was_asked_for(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, code_server="code.internal:4266")
    stages = programs(settings, tmp_path, now=0, roles=[CODE_SERVER, WORKER])
    names = [program.name for stage in stages for program in stage]
    assert names == [CODE_SERVER, WORKER]
    [code_server] = stages[0]
    words = " ".join(code_server.command)
    assert "-h code.internal -p 4266" in words


def test_dagsters_programs_find_a_code_server_on_another_host(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, code_server="code.internal:4266")
    write_workspace(settings, tmp_path)
    [location] = yaml.safe_load((tmp_path / "workspace.yaml").read_text("utf-8"))["load_from"]
    assert location["grpc_server"]["host"] == "code.internal"
    assert location["grpc_server"]["port"] == 4266


def test_an_unknown_program_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownProgram, match="gateway, code, web, daemon, worker"):
        chosen_roles(Settings(), "gateway,demon")
    assert chosen_roles(Settings(), "") == ROLES
    assert chosen_roles(Settings(), "code, web") == [CODE_SERVER, WEB_SERVER]
    assert WORKER in chosen_roles(Settings(launcher="celery"), "")


def test_the_addresses_of_both_hosts_are_shown_if_qa_has_its_own(tmp_path: Path) -> None:
    production, qa = "https://feeds.example.edu", "https://qa-feeds.example.edu"
    one, two = (
        dict(
            banner_rows(
                Settings(data_dir=tmp_path, public_url=production, qa_public_url=second), [GATEWAY]
            )
        )
        for second in ("", qa)
    )
    path = "/api/v1/index.cfm/webhook/JOB"
    assert one["Webhooks"] == two["Webhooks"] == f"{production}{path}"
    assert "QA webhooks" not in one
    assert two["QA webhooks"] == f"{qa}{path}"
    assert one["Pages"] == two["Pages"] == f"{production}/"
