"""Field maps of one folder, held against one another."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from alumniq_pipelines.core.problems.setup import FieldMapProblem
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog


def catalog_faults(folder: Path, **texts: str) -> tuple[str, ...]:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FieldMapProblem) as caught:
        read_catalog(folder)
    return tuple(fault.removeprefix(f"{folder}/") for fault in caught.value.faults)


def other(name: str, more: str = "", foreign_keys: str = "[]") -> str:
    return (
        f"name: {name}\npath: x\nalumniq: {{wave: 1{more}}}\nschema:\n"
        f"  primaryKey: [xid]\n  foreignKeys: {foreign_keys}\n  fields: [{{name: xid}}]\n"
    )


def refers_to(resource: str, field: str = "xid") -> str:
    return f"[{{fields: [xid], reference: {{resource: {resource}, fields: [{field}]}}}}]"


def test_a_file_is_called_like_its_feed(tmp_path: Path) -> None:
    assert catalog_faults(tmp_path, persons=other("people")) == (
        "persons.yaml, line 1: `name` is people but the file is persons.yaml; make them equal",
    )


def test_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    messages = catalog_faults(tmp_path, a="x: 1", b="y", c=other("c"))
    assert {message.split(",")[0].split(":")[0] for message in messages} == {"a.yaml", "b.yaml"}


def test_a_job_belongs_to_one_feed(tmp_path: Path) -> None:
    messages = catalog_faults(tmp_path, a=other("a"), b=other("b", ", job: a"))
    assert messages == ("b.yaml, line 3, `alumniq`: `job`: a is the job of feed `a` already",)


def test_a_foreign_key_names_a_known_feed(tmp_path: Path) -> None:
    messages = catalog_faults(
        tmp_path, people=other("people"), b=other("b", foreign_keys=refers_to("peple"))
    )
    assert "unknown feed `peple`; did you mean `people`?" in messages[0]
    assert messages[0].startswith("b.yaml, line 6, `schema.foreignKeys.1.reference`: ")


def test_a_foreign_key_names_the_whole_primary_key(tmp_path: Path) -> None:
    messages = catalog_faults(
        tmp_path, a=other("a"), b=other("b", foreign_keys=refers_to("a", "name"))
    )
    assert "`fields` (with `alumniq.where`) must name the primary key of a: xid" in messages[0]


def keyed(name: str, kind: str, foreign_keys: str = "[]") -> str:
    field = f"{{name: xid, type: {kind}}}"
    return other(name, foreign_keys=foreign_keys).replace("{name: xid}", field)


@pytest.mark.parametrize(
    "kinds", [("year", "string"), ("number", "year"), ("date", "datetime"), ("time", "time")]
)
def test_a_foreign_key_may_be_of_a_type_that_can_be_compared(
    kinds: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(keyed("a", kinds[0]))
    (tmp_path / "b.yaml").write_text(keyed("b", kinds[1], refers_to("a")))
    assert len(read_catalog(tmp_path).feeds) == 2


@pytest.mark.parametrize(
    "kinds",
    [
        ("number", "string"),
        ("date", "string"),
        ("boolean", "year"),
        ("time", "string"),
        ("time", "datetime"),
    ],
)
def test_a_foreign_key_of_a_type_that_cannot_be_compared_is_refused(
    kinds: tuple[str, str], tmp_path: Path
) -> None:
    messages = catalog_faults(
        tmp_path, a=keyed("a", kinds[0]), b=keyed("b", kinds[1], refers_to("a"))
    )
    assert len(messages) == 1
    assert f"`xid` is of type {kinds[1]}, `xid` there of {kinds[0]}" in messages[0]


def test_what_is_fixed_of_the_other_key_must_be_a_value_there(tmp_path: Path) -> None:
    both = "  primaryKey: [xid, term]\n  fields: [{name: xid}, {name: term, type: year}]\n"
    key = "[{fields: xid, reference: {resource: a, fields: xid}, alumniq: {where: {term: x}}}]"
    messages = catalog_faults(
        tmp_path, a=f"name: a\npath: x\nschema:\n{both}", b=other("b", foreign_keys=key)
    )
    (fault,) = messages
    assert "`alumniq.where` gives `term` a value that is not of type year" in fault


@pytest.mark.parametrize("resource", ["''", "a"])
def test_a_key_to_the_feed_itself_names_its_whole_primary_key(
    resource: str, tmp_path: Path
) -> None:
    messages = catalog_faults(tmp_path, a=other("a", foreign_keys=refers_to(resource, "name")))
    (fault,) = messages
    assert "must name the primary key of a: xid" in fault
    assert "`schema.foreignKeys.1.reference`" in fault


def test_feeds_do_not_refer_to_one_another_in_a_circle(tmp_path: Path) -> None:
    messages = catalog_faults(
        tmp_path,
        a=other("a", foreign_keys=refers_to("b")),
        b=other("b", foreign_keys=refers_to("a")),
    )
    assert len(messages) == 1
    assert "in a circle" in messages[0]


def test_a_feed_may_refer_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(other("a", foreign_keys=refers_to("''")))
    assert [feed.name for feed in read_catalog(tmp_path)] == ["a"]


def test_a_folder_without_field_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FieldMapProblem, match=r"there is no \*\.yaml file here"):
        read_catalog(tmp_path)


def test_reading_all_field_maps_takes_less_than_parsing_them_in_python() -> None:
    """Every start of the code location and of the command line pays for it."""
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "schemas").glob("*.yaml")]

    def seconds(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    # The best of several, side by side: a slow machine slows both.
    ours = min(seconds(lambda: read_catalog(REPOSITORY / "schemas")) for _ in range(5))
    plain = min(seconds(lambda: [yaml.safe_load(text) for text in texts]) for _ in range(5))
    assert ours < plain
