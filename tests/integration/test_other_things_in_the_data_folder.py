"""Other contents of the data folder are left as they are; our own links are followed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.data_folder import OWN_NAMES
from alumniq_pipelines.core.problems.setup import DataFolderShared, DataFolderUnusable
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import protect_data_folder
from tests.data_folders import fill, restrict_permissions
from tests.rights import NOBODY, everything, needs_root, open_to_others, umask


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """Run with the umask of most systems."""
    with umask(0o022):
        yield


def rights(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def holding_other_things(home: Path) -> Path:
    """Create a folder that contains other things."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tool").write_text("#!/bin/sh\n")
    (home / "bin" / "tool").chmod(0o755)
    (home / "public_html").mkdir()
    return home


def test_a_folder_that_holds_other_things_is_no_data_folder_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = holding_other_things(tmp_path / "home")
    (home / "mail").mkdir()
    monkeypatch.chdir(home)
    with pytest.raises(DataFolderShared, match=r"such as 'bin'.*folder of its own"):
        protect_data_folder(Settings(data_dir=Path()))
    changed = {path: rights(path) for path in everything(home) if rights(path) != "755"}
    assert changed == {}


def test_a_private_folder_that_holds_other_things_keeps_them_as_they_are(tmp_path: Path) -> None:
    home = holding_other_things(tmp_path / "home")
    home.chmod(0o700)
    (home / "mail").mkdir()
    protect_data_folder(Settings(data_dir=home))
    assert rights(home / "mail") == "700"
    assert set(open_to_others(home)) == {"40755 bin", "40755 public_html", "100755 bin/tool"}


def test_a_private_folder_that_holds_other_things_is_not_opened_to_the_group(
    tmp_path: Path,
) -> None:
    home = holding_other_things(tmp_path / "home")
    home.chmod(0o700)
    with pytest.raises(DataFolderShared):
        protect_data_folder(Settings(data_dir=home, warehouse_group=str(os.getegid())))
    assert rights(home) == "700"


def test_files_of_its_own_user_in_a_data_folder_are_left_as_they_are(tmp_path: Path) -> None:
    home = fill(tmp_path / "home").home
    home.chmod(0o755)
    (home / "notes.txt").write_text("ours")
    (home / "mail").chmod(0o755)
    restrict_permissions(home)
    assert rights(home) == "700"
    assert open_to_others(home) == ["100644 notes.txt"]


@needs_root
def test_a_data_folder_with_things_of_another_user_is_not_closed_to_that_user(
    tmp_path: Path,
) -> None:
    home = fill(tmp_path / "home").home
    home.chmod(0o755)
    (home / "public_html").mkdir()
    os.chown(home / "public_html", NOBODY, NOBODY)
    with pytest.raises(DataFolderShared, match="'public_html'"):
        restrict_permissions(home)
    assert rights(home) == "755"


@needs_root
def test_a_folder_of_another_user_that_has_a_name_of_ours_makes_no_data_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "srv" / "mail").mkdir(parents=True)
    os.chown(tmp_path / "srv" / "mail", NOBODY, NOBODY)
    with pytest.raises(DataFolderShared, match="'mail'"):
        restrict_permissions(tmp_path / "srv")


def test_a_disk_of_its_own_is_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "disk" / "lost+found").mkdir(parents=True, mode=0o700)
    (tmp_path / "disk").chmod(0o755)
    restrict_permissions(tmp_path / "disk")
    assert open_to_others(tmp_path / "disk") == []


def test_every_name_in_a_data_folder_is_known_to_be_ours(tmp_path: Path) -> None:
    settings = fill(tmp_path / "home")
    properties = [name for name, kind in vars(Settings).items() if isinstance(kind, property)]
    values = [getattr(settings, name) for name in (*properties, *Settings.model_fields)]
    remaining = {value for value in values if isinstance(value, Path)}
    names = {path.name for path in remaining if path.parent == settings.home}
    assert len(names) >= 10
    assert names | {path.name for path in settings.home.iterdir()} <= OWN_NAMES


@pytest.mark.parametrize("name", ["warehouse", "archive", "dagster"])
def test_a_link_of_ours_to_another_disk_is_followed(tmp_path: Path, name: str) -> None:
    home, disk = tmp_path / "home", tmp_path / "disk"
    (disk / "iqu").mkdir(parents=True)
    (disk / "iqu" / "000000001.duckdb").write_text("secret")
    (disk / "link").symlink_to(tmp_path)
    home.mkdir()
    (home / name).symlink_to(disk)
    before = rights(tmp_path)
    restrict_permissions(home)
    assert open_to_others(disk) == []
    assert rights(tmp_path) == before


def test_a_link_of_ours_to_a_bucket_elsewhere_leaves_what_was_delivered(tmp_path: Path) -> None:
    home, disk, delivered = tmp_path / "home", tmp_path / "disk", tmp_path / "delivered"
    disk.mkdir()
    delivered.mkdir()
    (disk / "a.csv").write_text("xid")
    (disk / "iqu").symlink_to(delivered)
    home.mkdir()
    (home / "buckets").symlink_to(disk)
    restrict_permissions(home)
    assert (rights(disk), rights(disk / "a.csv"), rights(delivered)) == ("700", "644", "755")


def test_a_link_of_ours_to_a_folder_with_other_contents_is_refused(tmp_path: Path) -> None:
    home, shared = tmp_path / "top" / "home", tmp_path / "shared"
    home.mkdir(parents=True)
    shared.mkdir()
    shared.chmod(0o1777)
    for elsewhere in (shared, home.parent, home, Path("/")):
        (home / "archive").unlink(missing_ok=True)
        (home / "archive").symlink_to(elsewhere)
        with pytest.raises(DataFolderUnusable, match="holds other things"):
            restrict_permissions(home)
    assert rights(shared) == "777"
    (home / "archive").unlink()
    (home / "archive").symlink_to("nowhere")
    restrict_permissions(home)
