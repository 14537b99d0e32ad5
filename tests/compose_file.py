"""deploy/compose.yaml as its engine reads it, and the settings that each service then has."""

import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from alumniq_pipelines.settings import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
NEW_SECRETS = DEPLOY / "compose" / "new-secrets.sh"
MOUNTED = "/run/secrets/"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    """Return the content of the file, with the variables of the example."""
    lines = (DEPLOY / "compose" / "example.env").read_text("utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if "=" in line)

    def value_of(found: re.Match[str]) -> str:
        name, kind, text = found.groups()
        assert given.get(name) or kind == "-", f"{name} is not in the example"
        return given.get(name) or text

    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    made: dict[str, Any] = yaml.safe_load(VARIABLE.sub(value_of, text))
    return made


def services() -> Mapping[str, dict[str, Any]]:
    """Return all services by their names."""
    made: dict[str, dict[str, Any]] = compose()["services"]
    return made


def own_services() -> Mapping[str, dict[str, Any]]:
    """Return the services that run our image."""
    return {name: it for name, it in services().items() if it["image"].startswith("alumniq:")}


def environment_of(service: dict[str, Any], secrets: Path) -> dict[str, str]:
    """Return a service's variables, whose secrets are in a folder of this machine."""
    return {
        name: value.replace(MOUNTED, f"{secrets}/")
        for name, value in service["environment"].items()
    }


def make_secrets(folder: Path) -> Path:
    """Make new secrets as an operator does."""
    subprocess.run([NEW_SECRETS, folder], check=True, capture_output=True)
    return folder
