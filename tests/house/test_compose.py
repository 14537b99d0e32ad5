"""deploy/compose.yaml: valid, complete, and no more open than it has to be."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.cli.dagster_configuration import check_profile
from alumniq_pipelines.cli.supervisor import STOP_SECONDS
from alumniq_pipelines.cli.up import NAMES
from alumniq_pipelines.settings import Settings
from tests.compose_file import (
    DEPLOY,
    MOUNTED,
    NEW_SECRETS,
    compose,
    environment_of,
    make_secrets,
    own_services,
    services,
)
from tests.system_programs import require_program


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_secrets(tmp_path_factory.mktemp("installation") / "secrets")


def test_it_complies_with_the_compose_specification() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [checker, "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_role_has_a_service_of_its_own_and_gateways_and_workers_are_two() -> None:
    commands = {name: service.get("command", []) for name, service in own_services().items()}
    start = ["alumniq", "up", "--only"]
    roles = {command[3]: name for name, command in commands.items() if command[:3] == start}
    assert set(roles) == set(NAMES)
    replicas = {role: services()[name]["deploy"].get("replicas", 1) for role, name in roles.items()}
    assert replicas == dict.fromkeys(NAMES, 1) | {"gateway": 2, "worker": 2}


@pytest.mark.parametrize("name", own_services())
def test_the_settings_of_a_service_are_complete(
    name: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment_of(own_services()[name], secrets).items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    check_profile(settings)
    assert settings.launcher == "celery"
    assert settings.ledger.startswith("postgresql://alumniq:")


@pytest.mark.parametrize("name", services())
def test_a_service_has_the_secrets_that_it_reads_and_none_besides(name: str) -> None:
    service = services()[name]
    read = set(re.findall(rf"{MOUNTED}(\w+)", str({**service, "secrets": None})))
    assert read == set(service.get("secrets", []))


def test_the_secrets_are_those_that_the_script_makes(secrets: Path) -> None:
    declared = {name: value["file"] for name, value in compose()["secrets"].items()}
    assert declared == {path.name: f"secrets/{path.name}" for path in secrets.iterdir()}


def test_secrets_are_in_a_private_folder_and_readable_by_the_users_of_containers(
    secrets: Path,
) -> None:
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o444}


def test_secrets_are_never_made_anew_where_there_are_some(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert subprocess.run([NEW_SECRETS, secrets], capture_output=True, check=False).returncode
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_two_installations_share_no_secret(secrets: Path, tmp_path: Path) -> None:
    other = make_secrets(tmp_path / "secrets")
    same = [
        path.name
        for path in other.iterdir()
        if path.read_text() in (secrets / path.name).read_text()
    ]
    assert same == []


def test_only_dagster_and_its_stores_share_a_network_with_the_code_server() -> None:
    """Anyone who reaches its port may start runs: it asks for no password."""
    beside = {
        name
        for name, service in services().items()
        if set(service["networks"]) & set(services()["code"]["networks"])
    }
    assert beside == {"code", "web", "daemon", "postgres", "redis", "s3", "mail"}


def test_only_the_proxy_can_be_reached_from_other_machines() -> None:
    published = {
        name: service["ports"] for name, service in services().items() if "ports" in service
    }
    assert published.pop("proxy") == ["80:80", "443:443"]
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)
    assert set(published) == {"web", "mail"}


def test_the_gateway_trusts_the_network_that_it_shares_with_the_proxy_alone() -> None:
    on_it = {name for name, service in services().items() if "front" in service["networks"]}
    assert on_it == {"proxy", "gateway"}
    [front] = compose()["networks"]["front"]["ipam"]["config"]
    trusted = services()["gateway"]["environment"]["ALUMNIQ_TRUSTED_PROXIES"]
    assert trusted == front["subnet"]


@pytest.mark.parametrize("name", services())
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "privileged" not in service


@pytest.mark.parametrize("name", own_services())
def test_a_service_waits_for_the_tables_and_has_the_time_to_stop(name: str) -> None:
    service = own_services()[name]
    seconds = float(service["stop_grace_period"].removesuffix("s"))
    assert seconds > STOP_SECONDS + 10
    if name not in {"migrate", "buckets"}:
        waits = {other: it["condition"] for other, it in service["depends_on"].items()}
        assert waits["migrate"] == "service_completed_successfully"
        assert waits["buckets"] == "service_completed_successfully"


def test_only_what_a_service_waits_for_must_be_healthy() -> None:
    waited_for = {
        other
        for service in services().values()
        for other, it in service.get("depends_on", {}).items()
        if it["condition"] == "service_healthy"
    }
    checked = {name for name, it in services().items() if it.get("healthcheck", {}).get("test")}
    assert waited_for <= checked


def test_each_image_has_a_fixed_version() -> None:
    foreign: dict[str, Any] = {
        name: service["image"] for name, service in services().items() if name not in own_services()
    }
    assert all(re.fullmatch(r"[\w/]+:v?\d[\w.-]*", image) for image in foreign.values())


def test_caddy_accepts_its_configuration_as_it_is_formatted() -> None:
    caddy, path = require_program("caddy", "caddy"), DEPLOY / "compose" / "Caddyfile"
    hosts = {
        name: f"{name.lower().replace('_', '-')}.example.edu"
        for name in ("DOMAIN", "QA_DOMAIN", "S3_DOMAIN")
    }
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(path)]
    done = subprocess.run(command, env=hosts, capture_output=True, text=True, check=False)
    assert "Valid configuration" in done.stderr + done.stdout
    formatted = subprocess.run([caddy, "fmt", path], capture_output=True, text=True, check=True)
    assert formatted.stdout == path.read_text("utf-8")
