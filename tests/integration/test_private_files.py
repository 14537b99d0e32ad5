"""Files are private to their user, and the warehouse to a group if one is named."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.data_folder import group_id
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.problems.setup import (
    DataFolderUnusable,
    UnusableWarehouseGroup,
)
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import protect_data_folder
from tests.data_folders import fill, restrict_permissions
from tests.rights import (
    as_nobody,
    everything,
    needs_root,
    open_to_others,
    readable_by_nobody,
    umask,
)
from tests.servers.gateway import WEBHOOK, Caller, serve_installation
from tests.warehouse_processes import publish_next

READERS = 54_321
"""A group without members, unless a test adds one."""


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """Run with the umask of most systems."""
    with umask(0o022):
        yield


@pytest.fixture
def passable() -> Iterator[Path]:
    """Create a folder that other users can pass through, unlike that of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="rights-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def test_whatever_the_umask_is_adapters_make_private_files(tmp_path: Path) -> None:
    with umask(0):
        settings = fill(tmp_path / "home")
        with closing(Ledger.open(settings.ledger)) as ledger, ledger.database.reading():
            ledger.customers.all()
            assert (settings.home / "ledger.db-wal").exists()  # beside the file while it is open
            assert open_to_others(settings.home) == []


def test_what_is_stored_of_a_file_that_others_can_read_is_private(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("xid\n1\n")
    file.chmod(0o644)
    FolderArchive(tmp_path / "home").put("files/0", file)
    assert open_to_others(tmp_path / "home") == []


def test_a_command_creates_private_files_and_restores_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, ["customer", "add", "iqu", "--name", "IQ University"])
    template = CliRunner().invoke(app, ["feed", "template", "warehouse"])
    assert (made.exit_code, template.exit_code) == (0, 0)
    assert open_to_others(tmp_path / "var") == []
    assert os.umask(0o022) == 0o022


def test_a_gateway_tightens_what_it_finds_and_makes_private_files(caller: Caller) -> None:
    home = caller.installation.settings.home
    for path in everything(home):
        path.chmod(0o755)
    bucket = caller.installation.buckets.open("iqu-feeds")
    delivered = bucket.head("qa/warehouse/warehouse.csv")
    with serve_installation(caller.installation) as gateway:
        assert bucket.head("qa/warehouse/warehouse.csv") == delivered  # no new delivery
        body = {"apiKey": caller.key, "filename": "warehouse.csv"}
        httpx.post(gateway.url + WEBHOOK, json=body, trust_env=False).raise_for_status()
        (home / "gateway.log").chmod(0o600)  # the test's own
        assert open_to_others(home) == ["100755 buckets/iqu-feeds/qa/warehouse/warehouse.csv"]


def test_what_an_older_release_left_open_is_tightened(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.csv").write_text("xid")
    for name in ("archive/files", "buckets/iqu/qa/warehouse", "dagster/storage", "mail"):
        (home / name).mkdir(parents=True)
        (home / name / "file").write_text("secret")
        (home / name).chmod(0o777)
    (home / "buckets" / "link").symlink_to(elsewhere)
    (home / "mail" / "link").symlink_to(elsewhere / "a.csv")
    (home / "mail" / "gone").symlink_to("nowhere")
    (home / "ledger.db").write_text("")
    restrict_permissions(home)
    assert open_to_others(home) == ["100644 buckets/iqu/qa/warehouse/file"]
    assert [f"{path.stat().st_mode & 0o777:o}" for path in (elsewhere, elsewhere / "a.csv")] == [
        "755",
        "644",
    ]
    assert (home / "mail" / "file").read_text() == "secret"


def test_a_tightening_that_was_cut_short_is_done_at_the_next_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "mail" / "old").mkdir(parents=True)
    (home / "mail" / "old" / "a.eml").write_text("")
    home.chmod(0o700)
    restrict_permissions(home)
    assert open_to_others(home) == []


def test_what_is_private_already_is_neither_written_nor_searched(tmp_path: Path) -> None:
    home = fill(tmp_path / "home").home
    (home / "archive" / "files" / "0").chmod(0o644)  # unreachable for others
    before = home.stat().st_ctime_ns, (home / "mail").stat().st_ctime_ns
    restrict_permissions(home)
    assert (home.stat().st_ctime_ns, (home / "mail").stat().st_ctime_ns) == before
    assert open_to_others(home) == ["100644 archive/files/0"]


def test_a_folder_of_all_users_is_no_data_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(DataFolderUnusable, match="folder of all users"):
        restrict_permissions(tmp_path)
    with pytest.raises(DataFolderUnusable, match="folder of all users"):
        restrict_permissions(Path("/"))


PROTECT = """
try:
    protect(Path(sys.argv[1]), None, warehouse="warehouse", buckets="buckets")
except DataFolderNotPrivate as problem:
    print(problem)
"""
PROTECTING = """
import errno, sys
from pathlib import Path
from alumniq_pipelines.adapters.data_folder import protect
from alumniq_pipelines.core.problems.setup import DataFolderNotPrivate
"""


@needs_root
def test_a_folder_of_another_user_is_named_with_its_owner_and_what_to_do(passable: Path) -> None:
    home = passable / "it's here"
    (home / "mail").mkdir(parents=True)
    printed = as_nobody(PROTECTING, PROTECT, home).stdout
    assert f"Other users can read {home}, which belongs to root" in printed
    assert "cannot be changed: Operation not permitted." in printed
    assert f"""(chmod -R go-rwx '{passable}/it'"'"'s here')""" in printed
    os.chown(home, 65_534, 65_534)
    printed = as_nobody(PROTECTING, PROTECT, home).stdout
    assert f"Other users can read {home}/mail, which belongs to root" in printed


@needs_root
def test_a_file_that_another_user_delivered_is_left_to_that_user(passable: Path) -> None:
    home = passable / "home"
    home.mkdir()
    os.chown(home, 65_534, 65_534)
    (home / "mail").mkdir()
    os.chown(home / "mail", 65_534, 65_534)
    (home / "mail" / "delivered.csv").write_text("xid")
    done = as_nobody(PROTECTING, PROTECT, home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert open_to_others(home) == ["100644 mail/delivered.csv"]
    assert home.stat().st_mode & 0o777 == 0o700


STARTS = {
    "gateway": ("import webhook_gateway.server as program", "program.main()"),
    "up": (
        "import sys, alumniq_pipelines.cli.home, alumniq_pipelines.cli.main as program",
        "sys.argv[1:] = ['up']; program.app()",
    ),
}


@needs_root
@pytest.mark.parametrize("program", STARTS)
def test_a_program_whose_data_folder_is_another_users_ends_with_a_plain_sentence(
    passable: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    home = passable / "home"
    home.mkdir(mode=0o755)
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(home))
    done = as_nobody(*STARTS[program])
    assert done.returncode == 2, done.stderr
    assert str(home) in done.stderr
    assert "Traceback" not in done.stderr


@needs_root
def test_the_group_reads_the_warehouse_and_nothing_else(passable: Path) -> None:
    settings = fill(passable / "home", str(READERS))
    protect_data_folder(settings)
    home = settings.home
    publish_next(open_warehouse(settings), home.parent)  # a version after the start
    assert readable_by_nobody(home) == set()
    readable = readable_by_nobody(home, [READERS])
    warehouse = {path for path in readable if path.startswith("warehouse/")}
    assert readable - warehouse == {"warehouse"}
    files = {path.relative_to(home).as_posix() for path in home.glob("warehouse/**/*.duckdb")}
    assert len({path for path in files if "0000" in path}) >= 4
    assert files <= warehouse
    assert not any(path.endswith(".lock") for path in warehouse)


READ = """
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(connection.execute("select count(*), min(batch) from members").fetchall())
try:
    open(sys.argv[1] + ".mine", "w")
except PermissionError:
    print("not written")
"""


@needs_root
def test_a_member_of_the_group_reads_each_version_as_it_is_published(passable: Path) -> None:
    settings = fill(passable / "home", str(READERS))
    catalog = settings.warehouse_dir / "iqu" / "qa" / "catalog.duckdb"
    protect_data_folder(settings)
    for number in (1, 2, 3):
        done = as_nobody("import duckdb, sys", READ, catalog, groups=[READERS])
        assert done.stdout == f"[({2_000 + number}, {_batch(number)})]\nnot written\n", done.stderr
        publish_next(open_warehouse(settings), settings.home.parent)


def _batch(number: int) -> str:
    return repr(str(number)) if number % 3 == 2 else str(number)


@needs_root
def test_versions_from_before_the_setting_are_shown_at_the_next_start_and_hidden_without_it(
    passable: Path,
) -> None:
    home = fill(passable / "home").home
    protect_data_folder(Settings(data_dir=home, warehouse_group=str(READERS)))
    assert {path.split("/")[0] for path in readable_by_nobody(home, [READERS])} == {"warehouse"}
    protect_data_folder(Settings(data_dir=home))
    assert readable_by_nobody(home, [READERS]) == set()
    assert open_to_others(home) == []


def test_a_group_is_named_by_name_or_number(tmp_path: Path) -> None:
    own = os.getegid()
    assert group_id("") is None
    assert group_id(str(own)) == own
    with pytest.raises(UnusableWarehouseGroup, match="'no-such-group' does not exist"):
        open_warehouse(Settings(data_dir=tmp_path, warehouse_group="no-such-group"))


@needs_root
def test_a_group_must_be_one_of_the_users_own() -> None:
    code = f"""
try:
    group_id("{READERS}")
except UnusableWarehouseGroup as problem:
    print(problem)
"""
    imports = (
        "from alumniq_pipelines.adapters.data_folder import group_id, UnusableWarehouseGroup\n"
        "import pwd; pwd.getpwall()"
    )
    assert f"the group '{READERS}' does not include nobody" in as_nobody(imports, code).stdout
    assert as_nobody(imports, code, groups=[READERS]).stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root mounts file systems.")
def test_a_read_only_disk_is_named_where_others_can_read_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "mail").mkdir(parents=True)
    home.chmod(0o700)
    script = (
        f"mount --bind {home} {home} && mount -o remount,bind,ro {home} && "
        f"exec {sys.executable} -m webhook_gateway"
    )
    environment = os.environ | {"ALUMNIQ_DATA_DIR": str(home)}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert f"{home}/mail" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
