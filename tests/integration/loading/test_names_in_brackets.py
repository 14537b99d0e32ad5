"""A header whose first name is in brackets is read, and JSON is called JSON."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import check_file

Write = Callable[[str | bytes], Path]

ROWS = "1,Lee,3\n2,Roe,4\n"


@pytest.mark.parametrize(
    "header",
    [
        "[xid],[lastName],[visits]",
        "{xid},{lastName},{visits}",
        "(xid),(lastName),(visits)",
        "[ xid ],[Last Name],[visits]",
        "\ufeff[dbo].[people].[xid],[last_name],[visits]",
        '"[xid]","[lastName]","[visits]"',
        "[x-id],lastName,visits",
    ],
)
def test_a_first_name_in_brackets_begins_a_header(
    people: FieldMap, write: Write, header: str
) -> None:
    result = check_file(write(f"{header}\n{ROWS}"), people)
    assert (result.outcome, result.rows_accepted) == ("clean", 2)
    assert not any("ignored" in note for note in result.notes)


@pytest.mark.parametrize(
    "text",
    [
        '[{"xid": "1", "lastName": "Lee"}]',
        '[\n  {\n    "xid": 1,\n    "lastName": "Lee"\n  }\n]\n',
        '{"xid":1,"lastName":"Lee"}\n{"xid":2,"lastName":"Roe"}\n',
        '["xid","lastName"]\n["1","Lee"]\n',
        "[[1, 2], [3, 4]]",
        "[]",
        "{}\n",
    ],
)
def test_json_is_called_json(people: FieldMap, write: Write, text: str) -> None:
    [error] = check_file(write(text), people).errors
    assert error.code == "foreign-format"
    assert "it looks like JSON" in error.message


def test_values_in_single_quotation_marks_are_refused_below_names_in_brackets(
    people: FieldMap, write: Write
) -> None:
    result = check_file(write("[xid],[lastName]\n'1','Lee'\n"), people)
    assert [error.code for error in result.errors] == ["other-quotation-marks"]
