"""One file of the schemas folder is broken, in every way that was thought of: the others go on."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.last_good_field_maps import LastGoodFieldMaps
from alumniq_pipelines.core.problems.setup import FieldMapProblem, FieldMapsMissing
from tests.small_field_maps import field_map, read, save_good, write

NOBODY = 65_534
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A folder with one good field map."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    write(folder, "good", field_map("good"))
    return folder


def as_folder(path: Path) -> None:
    path.mkdir()


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_loop(path: Path) -> None:
    path.symlink_to(path)


def as_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def with_content(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "not YAML": (with_content(b"name: [unclosed\n"), "line 2: this is not YAML"),
    "not UTF-8": (with_content(b"name: \xff\n"), "the file is not UTF-8 (byte 6)"),
    "empty": (with_content(b""), "the file is empty"),
    "no mapping": (with_content(b"- a\n- b\n"), "not a mapping of keys to values"),
    "a key twice": (
        with_content(field_map("bad").replace("path: x.csv", "path: x\npath: y").encode()),
        "line 3, `path`: the key is already defined on line 2",
    ),
    "a wrong type": (
        with_content(field_map("bad").replace("path: x.csv", "path: [1]").encode()),
        "line 2: `path` must be text",
    ),
    "an invalid pattern": (
        with_content(
            field_map("bad")
            .replace("{name: xid}", '{name: xid, constraints: {pattern: "("}}')
            .encode()
        ),
        "line 8, field `xid`",
    ),
    "aliases without end": (with_content(BOMB.encode()), "more than 100,000 values"),
    "levels without end": (with_content(b"- " * 900 + b"x"), "more than 30 levels"),
    "deeper than the parser goes": (with_content(b"[" * 100_000), "this is not YAML"),
    "a number of 5,000 digits": (
        with_content(field_map("bad").encode() + b"title: " + b"9" * 5_000),
        "write it in quotes",
    ),
    "too large": (with_content(b"#" * 1_000_001), "the file is larger than 1,000,000 bytes"),
    "NUL bytes": (with_content(b"name: \0\n"), "this is not YAML"),
    "two documents": (with_content(b"a: 1\n---\nb: 2\n"), "this is not YAML"),
    "a folder": (as_folder, "this is not a regular file"),
    "a pipe": (as_pipe, "this is not a regular file"),
    "a loop of links": (as_loop, "the file cannot be read"),
    "a link to nowhere": (as_dangling_link, "the file cannot be read"),
    "the name of another feed": (
        with_content(field_map("good").encode()),
        "`name` is good but the file is bad.yaml",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_disables_its_own_feed_only_and_says_why(how: str, schemas: Path) -> None:
    make, reason = BROKEN[how]
    make(schemas / "bad.yaml")
    catalog = read(schemas).catalog
    assert list(catalog.feeds) == ["good"]
    assert list(catalog.disabled) == ["bad"]
    assert reason in " ".join(catalog.broken["bad"].faults)
    assert catalog.broken["bad"].faults[0].startswith("bad.yaml")


@pytest.mark.parametrize("how", BROKEN)
def test_the_last_good_field_map_is_in_force_while_the_file_is_broken(
    how: str, schemas: Path
) -> None:
    path = write(schemas, "bad", field_map("bad", "bad-job"))
    save_good(schemas)
    path.unlink()
    BROKEN[how][0](path)
    catalog = read(schemas).catalog
    assert set(catalog.feeds) == {"good", "bad"}
    assert catalog.feed_of_job("bad-job").name == "bad"
    assert list(catalog.broken) == ["bad"]
    assert not catalog.disabled


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="schemas-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write(folder, "good", field_map("good"))
        yield folder


def test_a_file_without_permission_disables_its_own_feed_only(nobodys_folder: Path) -> None:
    write(nobodys_folder, "bad", field_map("bad")).chmod(0)
    is_root = os.geteuid() == 0
    if is_root:  # root may read everything
        os.seteuid(NOBODY)
    try:
        catalog = LastGoodFieldMaps(nobodys_folder / "none").read_schemas(nobodys_folder).catalog
    finally:
        if is_root:
            os.seteuid(0)
    assert list(catalog.feeds) == ["good"]
    assert "Permission denied" in catalog.broken["bad"].faults[0]


def test_a_deleted_file_ends_its_feed_whatever_was_saved(schemas: Path) -> None:
    path = write(schemas, "bad", field_map("bad"))
    save_good(schemas)
    path.unlink()
    catalog = read(schemas).catalog
    assert list(catalog.feeds) == ["good"]
    assert not catalog.broken


@pytest.mark.parametrize(
    "name", [".bad.yaml.swp", ".bad.yaml", "bad.yaml~", ".#bad.yaml", "bad.yaml.bak", "._bad.yaml"]
)
def test_what_editors_and_copies_leave_beside_a_file_is_no_field_map(
    name: str, schemas: Path
) -> None:
    (schemas / name).write_text("[", encoding="utf-8")
    catalog = read(schemas).catalog
    assert list(catalog.feeds) == ["good"]
    assert not catalog.broken


def test_a_folder_that_is_missing_is_said_with_its_name_and_setting(tmp_path: Path) -> None:
    with pytest.raises(FieldMapsMissing, match=r"missing \(No such file.*ALUMNIQ_SCHEMAS_DIR"):
        LastGoodFieldMaps(tmp_path).read_schemas(tmp_path / "missing")


def test_a_folder_without_field_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FieldMapProblem, match=r"there is no \*\.yaml file here"):
        LastGoodFieldMaps(tmp_path).read_schemas(tmp_path)


def test_the_job_of_a_broken_file_is_known_where_it_can_be_read(schemas: Path) -> None:
    write(schemas, "bad", "alumniq:\n  job: other-job\nname: [\n")
    catalog = read(schemas).catalog
    assert catalog.feed_name_of_job("other-job") == "bad"
    assert catalog.feed_name_of_job("bad") == "bad"


def test_of_two_new_files_with_one_job_neither_is_in_force(schemas: Path) -> None:
    write(schemas, "a", field_map("a", "same"))
    write(schemas, "b", field_map("b", "same"))
    catalog = read(schemas).catalog
    assert list(catalog.feeds) == ["good"]
    assert catalog.broken["a"].faults == (
        "a.yaml, line 4, `alumniq`: `job`: same is the job of feed `b` too",
    )
    assert list(catalog.disabled) == ["a", "b"]


def test_of_two_new_files_with_one_job_the_feed_of_that_name_keeps_it(schemas: Path) -> None:
    write(schemas, "thief", field_map("thief", "good"))
    catalog = read(schemas).catalog
    assert catalog.feed_of_job("good").name == "good"
    assert list(catalog.broken) == list(catalog.disabled) == ["thief"]
    assert catalog.broken["thief"].faults == (
        "thief.yaml, line 4, `alumniq`: `job`: good is the job of feed `good` too",
    )


def test_the_name_gives_a_job_to_nobody_where_another_feed_had_it(schemas: Path) -> None:
    write(schemas, "old", field_map("old", "shared"))
    save_good(schemas)
    write(schemas, "old", field_map("old", "shared", key="term"))
    write(schemas, "shared", field_map("shared"))
    catalog = read(schemas).catalog
    assert catalog.feed_of_job("shared").name == "old"
    assert list(catalog.disabled) == ["shared"]


def test_the_feed_that_had_a_job_before_keeps_it(schemas: Path) -> None:
    write(schemas, "a", field_map("a", "first"))
    write(schemas, "b", field_map("b", "second"))
    save_good(schemas)
    write(schemas, "b", field_map("b", "first"))
    catalog = read(schemas).catalog
    assert {feed.name: feed.alumniq.job for feed in catalog} == {
        "a": "first",
        "b": "second",
        "good": "good",
    }
    assert list(catalog.broken) == ["b"]


def test_a_new_file_does_not_take_the_job_of_a_broken_one(schemas: Path) -> None:
    write(schemas, "a", field_map("a"))
    save_good(schemas)
    write(schemas, "a", "[")
    write(schemas, "b", field_map("b", "a"))
    catalog = read(schemas).catalog
    assert catalog.feed_of_job("a").name == "a"
    assert list(catalog.disabled) == ["b"]


def test_two_feeds_may_exchange_their_jobs(schemas: Path) -> None:
    write(schemas, "a", field_map("a"))
    write(schemas, "b", field_map("b"))
    save_good(schemas)
    write(schemas, "a", field_map("a", "b"))
    write(schemas, "b", field_map("b", "a"))
    catalog = read(schemas).catalog
    assert not catalog.broken
    assert catalog.feed_of_job("a").name == "b"


def test_a_reference_to_a_disabled_feed_leaves_its_own_feed_in_force(schemas: Path) -> None:
    write(schemas, "a", "[")
    write(schemas, "b", field_map("b", refers_to="a"))
    catalog = read(schemas).catalog
    assert "b" in catalog.feeds
    assert list(catalog.broken) == ["a"]
    assert catalog.parents(catalog.feed("b")) == set()


def test_a_changed_reference_that_does_not_fit_is_taken_back(schemas: Path) -> None:
    write(schemas, "b", field_map("b"))
    save_good(schemas)
    write(schemas, "b", field_map("b", refers_to="goood"))
    catalog = read(schemas).catalog
    assert catalog.feed("b").table_schema.foreign_keys == ()
    assert "unknown feed `goood`; did you mean `good`?" in catalog.broken["b"].faults[0]


def test_a_reference_that_another_file_made_unfit_leaves_both_feeds_in_force(
    schemas: Path,
) -> None:
    write(schemas, "b", field_map("b", refers_to="good"))
    save_good(schemas)
    write(schemas, "good", field_map("good", key="term"))
    catalog = read(schemas).catalog
    assert catalog.feed("good").table_schema.primary_key == ("term",)
    assert catalog.feed("b").table_schema.foreign_keys
    assert "must name the primary key of good: term" in catalog.broken["b"].faults[0]
    assert list(catalog.broken) == ["b"]


def test_a_circle_of_references_is_charged_to_the_file_that_closed_it(schemas: Path) -> None:
    write(schemas, "a", field_map("a"))
    write(schemas, "b", field_map("b", refers_to="a"))
    save_good(schemas)
    write(schemas, "a", field_map("a", refers_to="b"))
    catalog = read(schemas).catalog
    assert list(catalog.broken) == ["a"]
    assert catalog.parents(catalog.feed("b")) == {"a"}


def test_a_circle_that_nothing_can_take_back_stops_no_feed(schemas: Path) -> None:
    write(schemas, "a", field_map("a", refers_to="b"))
    write(schemas, "b", field_map("b", refers_to="a"))
    catalog = read(schemas).catalog
    assert set(catalog.feeds) == {"a", "b", "good"}
    assert set(catalog.broken) == {"a", "b"}
    parents = [catalog.parents(catalog.feed(feed)) for feed in ("a", "b")]
    assert parents != [{"b"}, {"a"}], "Dagster draws no circles."
