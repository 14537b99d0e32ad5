"""What deploys the system is what the tools that read it accept, and starts programs that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from alumniq_pipelines.cli.up import NAMES, chosen_roles
from alumniq_pipelines.secret_files import PREFIX
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.system_programs import require_program

UNITS = sorted((REPOSITORY / "deploy" / "systemd").glob("*.service"))


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


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_sets_settings_that_there_are(unit: Path) -> None:
    named = re.findall(rf"\b{PREFIX}([A-Z_]+)", unit.read_text("utf-8"))
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_each_program_can_be_an_instance_of_the_unit() -> None:
    for name in NAMES:
        assert chosen_roles(Settings(), name) == [NAMES[name]]
