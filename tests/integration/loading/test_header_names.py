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


def feed(key: str, *others: str | dict[str, Any], **rules: Any) -> FieldMap:
    fields = [{"name": other} if isinstance(other, str) else other for other in (key, *others)]
    document = {"name": "people", "path": "people.csv", "alumniq": rules}
    return FieldMap.model_validate(document | {"schema": {"primaryKey": key, "fields": fields}})


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


COMPOSED, DECOMPOSED = "pr\u00e9nom", "pre\u0301nom"


@pytest.mark.parametrize(
    ("sent", "column"),
    [
        (DECOMPOSED, COMPOSED),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED.upper(), COMPOSED),
        ("\uff46\uff49\uff52\uff53\uff54Name", "firstName"),  # full width, as in Japan
        ("\ufb01rstName", "firstName"),  # with a ligature, as copied from a PDF document
        ("first\u2011name", "firstName"),  # with a hyphen at which Word breaks no line
        ("\u200ffirstName", "firstName"),
        ("first\u200e_\u202aName\u202c", "firstName"),
        ("\u2066firstName\u2069", "firstName"),
        ("first\ufff9Name\U000e0061", "firstName"),
        ("first\x7fName\x1a", "firstName"),
    ],
)
def test_a_name_that_looks_like_a_column_is_that_column(
    write: Write, sent: str, column: str
) -> None:
    result = check_file(write(f"xid,{sent}\n0001,Ann\n"), feed("xid", column, "lastName"))
    assert result.outcome == "clean"
    assert not any("ignored" in note or "firstName." in note for note in result.notes)


def test_names_that_look_the_same_are_no_other_spelling(write: Write) -> None:
    field_map = feed("xid", COMPOSED)
    result = check_file(write(f"\u200fxid\u200e,{DECOMPOSED}\n0001,Ann\n"), field_map)
    assert (result.outcome, result.notes) == ("clean", ())


def test_columns_whose_names_look_the_same_are_named_by_their_positions(write: Write) -> None:
    result = check_file(
        write(f"xid,{DECOMPOSED},{COMPOSED}\n0001,Ann,Lee\n"), feed("xid", COMPOSED)
    )
    [error] = result.errors
    assert error.code == "duplicate-column"
    assert "(as columns 2 and 3)" in error.message


@pytest.mark.parametrize("sent", ["gro\u0308\u00dfe__c", "\u200fgr\u00f6\u00dfe__c\u200e"])
def test_a_senders_own_column_is_published_by_the_name_that_is_seen(
    write: Write, tmp_path: Path, sent: str
) -> None:
    output = tmp_path / "out.csv"
    field_map = feed("xid", extension_columns=True)
    result = check_file(write(f"xid,{sent}\n0001,9\n"), field_map, output)
    assert result.outcome == "clean"
    assert output.read_text(encoding="utf-8").startswith("xid,gr\u00f6\u00dfe__c\n")


def accepted(write: Write, tmp_path: Path, text: str, field_map: FieldMap) -> tuple[str, list[str]]:
    """Check a file, and return its rows as they would be published, and its notes."""
    output = tmp_path / "out.csv"
    result = check_file(write(text), field_map, output)
    assert (result.outcome, result.errors) == ("clean", ())
    return output.read_text(encoding="utf-8"), list(result.notes)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("xid,firstName,spouse.firstName", "0001,Ann,Bob"),
        ("spouse.firstName,[FIRST_NAME],xid", "Bob,Ann,0001"),
        ("t1.xid,firstName,t1.firstName", "0001,Ann,Bob"),
        ("xid,Given Name,spouse.firstName", "0001,Ann,Bob"),
        ("xid,firstName,dbo.spouse.given_name", "0001,Ann,Bob"),
    ],
)
def test_a_column_of_another_table_is_unknown_beside_one_without_a_table(
    write: Write, tmp_path: Path, header: str, row: str
) -> None:
    field_map = feed("xid", {"name": "firstName", "alumniq": {"aliases": ["Given Name"]}})
    text, notes = accepted(write, tmp_path, f"{header}\n{row}\n", field_map)
    assert text == "xid,firstName\n0001,Ann\n"
    other = next(name for name in header.split(",") if "." in name and "xid" not in name)
    assert f"Columns that are not in the field map were ignored: `{other}`." in notes


def test_a_column_of_another_table_is_refused_where_unknown_ones_are(write: Write) -> None:
    field_map = feed("xid", "firstName", unknown_columns="reject")
    result = check_file(write("xid,firstName,spouse.firstName\n0001,Ann,Bob\n"), field_map)
    [error] = result.errors
    assert (error.code, error.line) == ("unknown-column", 1)
    assert "`spouse.firstName`" in error.message


def test_a_senders_own_column_of_another_table_is_unknown_beside_one_without_a_table(
    write: Write, tmp_path: Path
) -> None:
    text, notes = accepted(
        write,
        tmp_path,
        "xid,spouse.SHOE__C,shoe__c\n0001,7,9\n",
        feed("xid", extension_columns=True),
    )
    assert text == "xid,shoe__c\n0001,9\n"
    assert "ignored: `spouse.SHOE__C`." in notes[0]


@pytest.mark.parametrize("header", ["xid,t1.firstName,t2.firstName", "t1.xid,firstName,t2.xid"])
def test_columns_of_two_tables_are_one_column_twice(write: Write, header: str) -> None:
    result = check_file(write(f"{header}\n0001,Ann,Bob\n"), feed("xid", "firstName"))
    assert [error.code for error in result.errors] == ["duplicate-column"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("xid,firstName,", "Column 3 of the header has no name."),
        (
            'xid, ,firstName,"\u200e",',
            "3 columns of the header have no name, the first of them is column 2.",
        ),
        (
            f"xid,firstName{',' * 30}",
            "30 columns of the header have no name, the first of them is column 3.",
        ),
    ],
)
def test_a_column_without_a_name_is_refused_by_its_position(
    write: Write, header: str, words: str
) -> None:
    field_map = feed("xid", "firstName", unknown_columns="reject")
    result = check_file(write(f"{header}\n"), field_map)
    [error] = result.errors
    assert (error.code, error.message) == ("unnamed-column", words)
