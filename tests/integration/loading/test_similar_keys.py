"""Keys that differ only in what people do not see are hinted at: two rows may be meant as one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import check_file

Write = Callable[[str | bytes], Path]


def feed(key: Sequence[str] = ("xid",), kind: str = "string") -> FieldMap:
    fields = [*({"name": name, "type": kind} for name in key), {"name": "lastName"}]
    schema = {"primaryKey": key, "fields": fields}
    return FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})


def notes(write: Write, *keys: str, field_map: FieldMap | None = None) -> tuple[str, ...]:
    known = field_map or feed()
    header = ",".join(column.name for column in known.columns)
    rows = "".join(f"{key},Lee\n" for key in keys)
    path = write(f"{header}\n{rows}")
    result = check_file(path, known)
    assert check_file(path, known, path.with_name("accepted.csv")) == result
    assert result.outcome == "clean"
    return result.notes


@pytest.mark.parametrize(
    ("keys", "begin", "words"),
    [
        (["0001", "0002", "0001 "], "1 key (line 4, compare line 2)", "only by blanks"),
        (["\u200b0001", "0002", "0001"], "1 key (line 4, compare line 2)", "only by blanks"),
        (["0001  ", "\t0001"], "1 key (line 3, compare line 2)", "only by blanks"),
        (["a b", "a\u00a0b"], "1 key (line 3, compare line 2)", "only by blanks"),
        (
            ["7", "0001", "0001 ", "0001\u00a0", "7\u00ad"],
            "3 keys (first on line 4, compare line 3)",
            "only by blanks",
        ),
        (["zo\u00eb", "x", "zoe\u0308"], "1 key (line 4, compare line 2)", "Unicode form"),
        (["a1", "A1", "b2", "B2"], "2 keys (first on line 3, compare line 2)", "only by case"),
        (["\u00e91", "\u00c91"], "1 key (line 3, compare line 2)", "only by case"),
    ],
)
def test_keys_that_look_alike_are_hinted_at(
    write: Write, keys: list[str], begin: str, words: str
) -> None:
    (hint,) = notes(write, *keys)
    assert hint.startswith(f"{begin} in `xid` differ")
    assert words in hint


def test_of_case_it_is_said_that_some_ids_depend_on_it(write: Write) -> None:
    (hint,) = notes(write, "003A000000abcDE", "003A000000aBcDE")
    assert "as in Salesforce ids of 15 characters, all is right" in hint


@pytest.mark.parametrize(
    "keys",
    [
        ["0001", "0002"],
        ["0001 ", "0002 "],
        ["a1", "b1", "A2"],
        ["A1", "B1"],
        ["zo\u00eb", "zoe"],
        ["o\u0308", "u\u0308"],
        ["a b", "ab", "a\u200b-b"],
    ],
)
def test_keys_that_differ_otherwise_are_not(write: Write, keys: list[str]) -> None:
    assert notes(write, *keys) == ()


def test_blank_keys_are_not_alike(write: Write) -> None:
    result = check_file(write('xid,lastName\n"  ",Lee\n"   ",Day\n"\t",Fox\n"1 ",Ray\n'), feed())
    assert (result.rows_rejected, result.notes) == (3, ())


def test_keys_that_are_no_texts_are_not_compared(write: Write) -> None:
    assert notes(write, "1", "2", field_map=feed(kind="integer")) == ()


def test_of_a_key_of_several_columns_all_others_must_be_equal(write: Write) -> None:
    both = feed(("xid", "row"))
    assert notes(write, "a,1", "A,2", field_map=both) == ()
    (hint,) = notes(write, "a,1", "A,2", "A,1", "b,1", field_map=both)
    assert hint.startswith("1 key (line 4, compare line 2) in `xid` + `row` differs from")
    (hint,) = notes(write, "7,x", "8,x", "7,x ", field_map=both)
    assert hint.startswith("1 key (line 4, compare line 2) in `xid` + `row` differs from")


def test_keys_at_the_end_of_a_file_show_that_case_has_to_be_compared(write: Write) -> None:
    keys = [f"A{number:06}" for number in range(21_000)]
    (hint,) = notes(write, *keys, "a000007")
    assert hint.startswith("1 key (line 21,002, compare line 9) in `xid` differs")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(
    st.lists(st.text("aAbB\u00e91", min_size=1, max_size=3), min_size=1, max_size=9, unique=True)
)
def test_exactly_the_keys_that_repeat_an_earlier_one_in_another_case_are_counted(
    write: Write, keys: list[str]
) -> None:
    repeats = len(keys) - len({key.lower() for key in keys})
    found = notes(write, *keys)
    assert len(found) == (1 if repeats else 0)
    assert all(f"{repeats} key" in hint for hint in found)
