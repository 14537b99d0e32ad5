"""Names in a header are read as people see them, whatever was loaded before in the process."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import check_file

Write = Callable[[str | bytes], Path]

LONG = "a" * 200_000
PYTHONS_OWN_LIMIT = 131_072


def feed(*names: str, **rules: Any) -> FieldMap:
    fields = [{"name": name} for name in names]
    document = {"name": "people", "path": "people.csv", "alumniq": rules}
    return FieldMap.model_validate(
        document | {"schema": {"primaryKey": names[0], "fields": fields}}
    )


NAMES = feed("xid", "firstName", "lastName")


@pytest.fixture
def limit() -> Iterator[None]:
    """Let this process be one in which nothing was read yet."""
    before = csv.field_size_limit(PYTHONS_OWN_LIMIT)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("limit")
def test_a_long_name_means_the_same_at_the_first_check_of_a_process_and_later(write: Write) -> None:
    path = write(f"xid,{LONG},firstName\n0001,x,Ann\n")
    first, second = (check_file(path, NAMES) for _ in range(2))
    assert first == second
    assert first.outcome == "clean"


@pytest.mark.usefixtures("limit")
def test_broken_quoting_behind_a_long_name_is_reported_as_what_it_is(write: Write) -> None:
    result = check_file(write(f'xid,{LONG},"firstName" x\n0001,x,Ann\n'), NAMES)
    [error] = result.errors
    assert "text follows a closing quotation mark" in str(error)


@pytest.mark.parametrize("policy", ["warn", "reject"])
def test_a_long_name_is_cut_where_it_is_shown(write: Write, policy: str) -> None:
    names = f"xid,{LONG},firstName,t{LONG}.lastName"
    field_map = feed("xid", "firstName", "lastName", "nickname", unknown_columns=policy)
    result = check_file(write(f"{names}\n0001,x,Ann,Lee\n"), field_map)
    assert result.outcome == ("clean" if policy == "warn" else "unusable")
    shown = [*map(str, result.errors), *result.notes]
    assert any(f"`{'a' * 99}\u2026`" in text for text in shown)
    assert all(len(text) < 500 for text in shown)


@pytest.mark.parametrize(
    "names",
    [
        f"xid,{LONG},firstName,{LONG}",
        f"t{LONG}.xid,s{LONG}.xid,firstName",
        f"firstName,x{LONG}id",
        f"xid,firstNmae{'_' * 200_000}",
    ],
    ids=["ignored", "twice", "missing", "misspelt"],
)
def test_no_sentence_shows_a_long_name_as_a_whole(write: Write, names: str) -> None:
    values = ",".join("1" for _ in names.split(","))
    result = check_file(write(f"{names}\n{values}\n"), NAMES)
    assert all(len(text) < 700 for text in (*map(str, result.errors), *result.notes))
