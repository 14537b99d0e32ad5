"""Which copies of field maps are saved, and when they are removed."""

from pathlib import Path

import pytest

from alumniq_pipelines.adapters.field_maps import read_field_map
from tests.small_field_maps import copies, field_map, read, save_good, write


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A folder with one good field map."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    write(folder, "good", field_map("good"))
    return folder


def test_a_field_map_that_was_retired_comes_back_by_no_broken_file(schemas: Path) -> None:
    path = write(schemas, "bad", field_map("bad"))
    write(schemas, "other", field_map("other"))
    save_good(schemas)
    path.unlink()
    write(schemas, "other", "[")
    save_good(schemas)
    path.write_text("[", encoding="utf-8")
    catalog = read(schemas).catalog
    assert set(catalog.feeds) == {"good", "other"}
    assert list(catalog.disabled) == ["bad"]


def test_a_file_that_came_back_before_its_copy_was_removed_keeps_it(schemas: Path) -> None:
    path = write(schemas, "bad", field_map("bad"))
    save_good(schemas)
    path.unlink()
    found = read(schemas)
    path.write_text("[", encoding="utf-8")
    copies(schemas).remove_retired(found.files, schemas)
    assert set(read(schemas).catalog.feeds) == {"good", "bad"}


def test_only_what_has_no_fault_is_saved_and_for_nobody_else_to_read(schemas: Path) -> None:
    write(schemas, "bad", "[")
    write(schemas, "b", field_map("b", refers_to="nothing"))
    save_good(schemas)
    folder = copies(schemas).folder
    assert [path.name for path in folder.iterdir()] == ["good.yaml"]
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "good.yaml").stat().st_mode & 0o077 == 0


def test_a_newer_good_field_map_replaces_the_saved_one_but_for_who_only_fills_gaps(
    schemas: Path,
) -> None:
    save_good(schemas)
    path = write(schemas, "good", field_map("good", "newer"))
    copies(schemas).save(read(schemas).good, only_missing=True)
    assert read_field_map(copies(schemas).folder / path.name).alumniq.job == "good"
    save_good(schemas)
    assert read_field_map(copies(schemas).folder / path.name).alumniq.job == "newer"


def test_a_saved_copy_that_is_damaged_is_none(schemas: Path) -> None:
    save_good(schemas)
    (copies(schemas).folder / "good.yaml").write_text("[", encoding="utf-8")
    write(schemas, "good", "[")
    assert list(read(schemas).catalog.disabled) == ["good"]
