"""What deploys the system is what the tools that read it accept, and starts programs that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from alumniq_pipelines.cli.supervisor import STOP_SECONDS
from alumniq_pipelines.cli.up import NAMES, chosen_roles
from alumniq_pipelines.secret_files import PREFIX
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.house.test_repository import tracked
from tests.system_programs import require_program

DEPLOY = REPOSITORY / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TEXTS = sorted(path for path in tracked("deploy") if path.suffix != ".lock")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_a_unit(unit: Path, tmp_path: Path) -> None:
    verifier = require_program("systemd", "systemd-analyze")
    # It looks for the program and its user on this machine, which are on another one.
    text = unit.read_text("utf-8").replace("/opt/alumniq/.venv/bin/alumniq", "/bin/true")
    text = re.sub(r"^(User|Group|WorkingDirectory)=.*\n", "", text, flags=re.MULTILINE)
    copy = tmp_path / unit.name.replace("@", "@worker")
    copy.write_text(text, encoding="utf-8")
    command = [verifier, "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    own = [line for line in done.stderr.splitlines() if copy.name in line]
    assert own == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}(\w+)", path.read_text("utf-8")))
    plain = {name.removesuffix("_FILE").lower() for name in named}
    assert plain <= set(Settings.model_fields)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_the_time_to_stop_its_programs(unit: Path) -> None:
    found = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text("utf-8"), re.MULTILINE)
    assert found
    assert float(found[1]) > STOP_SECONDS + 10


def test_each_program_can_be_an_instance_of_the_unit() -> None:
    for name in NAMES:
        assert chosen_roles(Settings(), name) == [NAMES[name]]
