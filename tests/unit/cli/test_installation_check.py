"""Running checks: at the same time, each within a limit; and what a check decides by itself."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.installation_check.check import Check, CheckContext, State
from alumniq_pipelines.cli.installation_check.dagster_home import differing_sections
from alumniq_pipelines.cli.installation_check.databases import file_system_of
from alumniq_pipelines.cli.installation_check.display import not_checked
from alumniq_pipelines.cli.installation_check.host import GIB, disk_problems
from alumniq_pipelines.cli.installation_check.runner import run_checks
from alumniq_pipelines.cli.redis_servers import address_of
from alumniq_pipelines.core.problems.installation import DagsterHomeMissing
from alumniq_pipelines.core.problems.operation import NoStaffChannel
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.settings import Settings

Find = Callable[[CheckContext], Iterator[Problem]]


def context(folder: Path) -> CheckContext:
    return CheckContext(
        settings=Settings(), ledger=Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
    )


def check(name: str, find: Find, *needs: str, seconds: float = 30) -> Check:
    return Check(name=name, title=name.title(), find=find, needs=needs, seconds=seconds)


def fine(_: CheckContext) -> Iterator[Problem]:
    yield from ()


def fail(_: CheckContext) -> Iterator[Problem]:
    yield DagsterHomeMissing("dagster.yaml")
    raise NoStaffChannel


def warn(_: CheckContext) -> Iterator[Problem]:
    yield NoStaffChannel()


def test_a_check_that_hangs_does_not_hang_the_others(tmp_path: Path) -> None:
    released = threading.Event()

    def hang(_: CheckContext) -> Iterator[Problem]:
        released.wait()
        yield from ()

    checks = [
        check("hanging", hang, seconds=0.2),
        check("fine", fine),
        check("later", fine, "hanging"),
    ]
    results = run_checks(checks, context(tmp_path))
    released.set()
    assert [result.state for result in results] == [State.FAILED, State.OK, State.NOT_CHECKED]
    [finding] = results[0].findings
    assert finding.code == "check-timed-out"
    assert "alumniq doctor --only hanging" in finding.advice


def test_checks_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits until the other has begun."""
    meeting = threading.Barrier(2, timeout=20)

    def meet(_: CheckContext) -> Iterator[Problem]:
        meeting.wait()
        yield from ()

    results = run_checks([check("one", meet), check("other", meet)], context(tmp_path))
    assert [result.state for result in results] == [State.OK, State.OK]


def test_a_check_that_is_itself_at_fault_shows_no_text_and_stops_no_other(tmp_path: Path) -> None:
    def break_down(_: CheckContext) -> Iterator[Problem]:
        message = "a secret"
        raise RuntimeError(message)

    broken, other = run_checks(
        [check("broken", break_down), check("other", fine)], context(tmp_path)
    )
    [finding] = broken.findings
    assert finding.code == "check-broken"
    assert "RuntimeError at test_installation_check.py:" in finding.detail
    assert "a secret" not in finding.detail
    assert other.state is State.OK


def test_a_warning_prevents_nothing_and_a_failure_what_needs_it(tmp_path: Path) -> None:
    checks = [
        check("warning", warn),
        check("after warning", fine, "warning"),
        check("failed", fail),
        check("next", fine, "failed", "left out"),
        check("last", fine, "next"),
    ]
    results = run_checks(checks, context(tmp_path))
    assert [(result.name, result.state, result.because_of) for result in results] == [
        ("warning", State.WARNING, None),
        ("after warning", State.OK, None),
        ("failed", State.FAILED, None),
        ("next", State.NOT_CHECKED, "failed"),
        ("last", State.NOT_CHECKED, "failed"),
    ]
    assert [finding.code for finding in results[2].findings] == [
        "dagster-home-missing",
        "no-staff-channel",
    ]
    assert list(not_checked(results)) == ["Not checked because of Failed: Next, Last"]


@pytest.mark.parametrize(
    ("free", "total", "code"),
    [
        (0.5, 100, "disk-full"),
        (0.5, 0.6, "disk-full"),
        (1, 100, "disk-filling"),
        (9, 100, "disk-filling"),
        (11, 100, None),
        (21, 1_000, None),
    ],
)
def test_a_disk_counts_as_full_by_what_is_free(free: float, total: float, code: str | None) -> None:
    found = disk_problems("/data", int(free * GIB), int(total * GIB))
    assert [problem.code for problem in found] == ([code] if code else [])


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
filer:/export /mnt/data nfs4 rw 0 0
/dev/sdb1 /mnt/data/local xfs rw 0 0
//nas/share /mnt/with\\040blank cifs rw 0 0
overlay / overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/data/ledger.db", "nfs4"),
        ("/mnt/data/local/ledger.db", "xfs"),
        ("/mnt/with blank/ledger.db", "cifs"),
        ("/mnt/database/ledger.db", "overlay"),
    ],
)
def test_a_file_is_on_the_file_system_that_was_mounted_last_around_it(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


OURS = {
    "storage": {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}},
    "run_coordinator": {"module": "ours", "class": "Coordinator", "config": {"a": 1}},
    "run_retries": {"enabled": False},
}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({}, []),
        ({"telemetry": {"enabled": True}, "retention": {}}, []),
        ({"run_coordinator": {"module": "ours", "class": "Coordinator"}}, []),
        ({"run_launcher": {"module": "dagster._core.launcher", "class": "DefaultRunLauncher"}}, []),
        ({"storage": {"postgres": {"postgres_db": {"hostname": "db"}}}}, []),
        ({"storage": {"sqlite": {"base_dir": "x"}}}, ["storage"]),
        ({"storage": None}, ["storage"]),
        ({"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher"}}, ["run_launcher"]),
        (
            {"run_coordinator": None, "run_retries": {"enabled": True}},
            ["run_coordinator", "run_retries"],
        ),
    ],
)
def test_what_matters_in_an_operators_dagster_yaml_is_compared(
    change: dict[str, object], differs: list[str]
) -> None:
    assert differing_sections({**OURS, **change}, OURS) == differs


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:secret@cache:6379/0", "cache:6379"),
        ("postgresql://ada:secret@db/ledger", "db"),
        ("postgresql://ada:secret@/ledger?host=/run", "a socket of this host"),
        ("redis://:secret@cache:secret/0", "an unreadable address"),
    ],
)
def test_the_address_of_a_server_shows_no_secret(url: str, address: str) -> None:
    assert address_of(url) == address
