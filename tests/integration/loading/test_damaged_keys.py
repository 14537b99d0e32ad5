"""Keys that a tool has damaged are rejected or warned of, never published without a word."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import FileCheckResult, check_file

Write = Callable[[str | bytes], Path]


def feed(**key: object) -> FieldMap:
    schema = {
        "primaryKey": ["xid"],
        "fields": [{"name": "xid", **key}, {"name": "lastName"}, {"name": "note"}],
    }
    return FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})


def check(write: Write, *keys: str, field_map: FieldMap | None = None) -> FileCheckResult:
    rows = "".join('"' + key.replace('"', '""') + '",Lee,x\n' for key in keys)
    return check_file(write("xid,lastName,note\n" + rows), field_map or feed())


@pytest.mark.parametrize(
    "key",
    [
        "1e+05",
        "1E+05",
        "1.2E+05",
        "1.2E5",
        "1.5e+10",
        "10e+05",
        "1,00001E+11",  # as Excel writes it in Germany
        '="0001"',
        "NULL",
        "null",
        "\\N",
        "nan",
        "NaN",
        "NaT",
        "(null)",
        "[NULL]",
        "<NA>",
        "#N/A",
        "#REF!",
        "NULL      ",
        "1e+05 ",
    ],
)
def test_a_key_that_is_certainly_damaged_is_rejected(write: Write, key: str) -> None:
    result = check(write, "0001", key, "0002")
    assert [(error.line, error.code) for error in result.errors] == [(3, "damaged-key")]
    assert result.rows_accepted == 2
    (cause,) = result.causes
    assert cause.advice
    assert key not in cause.message + cause.advice


@pytest.mark.parametrize(
    "key",
    [
        *(
            "3e3",
            "12E4",
            "3-May",
            "May-98",
            "'0001",
            "0001      ",
            " 0001",
            "\u200b0001",
            "0001\u00a0",
        ),
        *("None", "NONE", "Null", "NAN", "undefined", "nil"),
        *("1001.0", "01.0000"),
    ],
)
def test_a_key_that_is_probably_damaged_is_published_with_a_warning(write: Write, key: str) -> None:
    result = check(write, "0001", key, "0002")
    assert result.outcome == "clean"
    assert result.rows_accepted == 3
    (warning,) = result.warnings
    assert (warning.code, warning.count, warning.first_line) == ("damaged-key", 1, 3)


@pytest.mark.parametrize("blank", ["", "   "])
def test_keys_that_a_program_read_as_numbers_are_rejected(write: Write, blank: str) -> None:
    """It does that to a whole column: among other keys, `01.0000` is a code beside `01.0101`."""
    result = check(write, "1001.0" + blank, "1002.0", "1003.00")
    assert [error.code for error in result.errors] == ["damaged-key"] * 3


@pytest.mark.parametrize("blank", ["   ", "\u00a0", "\u200b", " \u3000 ", "\t"])
def test_a_key_that_looks_blank_is_blank(write: Write, blank: str) -> None:
    result = check(write, "0001", blank)
    assert [(error.line, error.code) for error in result.errors] == [(3, "required")]
    assert result.warnings == ()


@pytest.mark.parametrize("blank", ["   ", "\u00a0", "\u200b"])
def test_a_required_value_that_looks_blank_is_blank(write: Write, blank: str) -> None:
    schema = {"fields": [{"name": "lastName", "constraints": {"required": True}}, {"name": "x"}]}
    names = FieldMap.model_validate({"name": "names", "path": "n.csv", "schema": schema})
    result = check_file(write(f'lastName,x\nLee,1\n"{blank}",2\n'), names)
    assert [(error.line, error.code) for error in result.errors] == [(3, "required")]


@pytest.mark.parametrize(
    "key",
    ["0001", "A-1", "E5", "e", "1E", "nancy", "Nullarbor", "Noneya", "O'Neil", "1.5", "10-12", "é"],
)
def test_a_key_that_only_resembles_damage_is_none(write: Write, key: str) -> None:
    result = check(write, key)
    assert (result.outcome, result.warnings) == ("clean", ())


def test_a_field_map_that_describes_its_keys_decides_alone(write: Write) -> None:
    described = feed(constraints={"pattern": "[0-9]+(E|\\.)[0-9]+"})
    result = check(write, "12E4", "1001.0", field_map=described)
    assert (result.outcome, result.warnings) == ("clean", ())


def test_every_damage_of_a_file_is_counted_by_its_kind(write: Write) -> None:
    result = check(write, *(f"{number}.0" for number in range(200)), "NULL", "x ")
    counts = {cause.message: cause.count for cause in (*result.causes, *result.warnings)}
    assert counts == {
        "`xid` is a number with a decimal point": 200,
        "`xid` is a word that stands for a missing value": 1,
        "`xid` has blanks before or behind its value": 1,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("O\ufffdNeil", "replacement character (U+FFFD)"),
        ("Jos\u00c3\u00a9", "read UTF-8 as Windows-1252"),
        ("O\u00e2\u20ac\u2122Neil", "read UTF-8 as Windows-1252"),
        ("O\u00e2\u0080\u0099Neil", "read UTF-8 as Windows-1252"),
        ("M\u00c3\u0152nchen", "read UTF-8 as Windows-1252"),
        ("a\u00c2\u00a0b", "read UTF-8 as Windows-1252"),
    ],
)
def test_characters_that_a_wrong_encoding_has_damaged_are_hinted_at(
    write: Write, text: str, words: str
) -> None:
    rows = f"0001,Lee,\u00e9\n0002,{text},JO\u00c3O\n0003,{text},x\n"
    result = check_file(write("xid,lastName,note\n" + rows), feed())
    assert result.outcome == "clean"
    (hint,) = result.notes
    assert hint.startswith("`lastName` contains")
    assert "in 2 rows (first on line 3)" in hint
    assert words in hint


@pytest.mark.parametrize(
    "text", ["JO\u00c3O", "Fran\u00e7ois", "\u00c2ge", "l\u2019\u00e2ge", "\u65e5\u672c"]
)
def test_letters_that_are_right_are_not_hinted_at(write: Write, text: str) -> None:
    assert check_file(write(f"xid,lastName,note\n1,{text},x\n"), feed()).notes == ()


def test_the_first_key_with_a_duplicate_is_named_in_the_cause(write: Write) -> None:
    result = check(write, "0001", "0002", "0002", "0001")
    (cause,) = result.causes
    assert str(cause) == (
        "The key `xid` duplicates the key of an earlier row, first that of row 2 (line 3) "
        "(2 rows, first on line 4)"
    )
