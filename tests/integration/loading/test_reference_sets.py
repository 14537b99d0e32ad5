"""Values outside a reference set are reported in plain words."""

from collections.abc import Callable
from pathlib import Path

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.services.file_check import check_file

Write = Callable[[str | bytes], Path]


def test_values_outside_their_reference_set_are_reported_with_advice(write: Write) -> None:
    """The first and last row pass the screen; only a library knows that the second is valid."""
    fields = [
        {"name": "nation", "alumniq": {"reference": "country-alpha-3"}},
        {"name": "email", "alumniq": {"reference": "email"}},
        {"name": "phone", "alumniq": {"reference": "phone", "severity": "warning"}},
    ]
    field_map = FieldMap.model_validate(
        {"name": "t", "path": "t.csv", "schema": {"fields": fields}}
    )
    rows = (
        "USA,margaret@example.edu,+14135550102",
        "DEU,jané@exämple.edu,+441632960001",
        "US,margaret@example,(413) 555-0102",
        ",,",
        "CAN,jane@example.org,",
    )
    result = check_file(write("nation,email,phone\n" + "\n".join(rows) + "\n"), field_map)
    assert (result.rows_accepted, result.rows_rejected) == (4, 1)
    assert [(error.line, error.column, error.code, error.message) for error in result.errors] == [
        (4, "nation", "reference", "`nation` is not a three-letter ISO 3166-1 country code"),
        (4, "email", "reference", "`email` is not an e-mail address"),
    ]
    assert [error.advice for error in result.errors] == [
        "Send the three-letter ISO 3166-1 code in capital letters, such as USA.",
        "Send one address and nothing else, such as margaret@example.edu.",
    ]
    assert [str(warning) for warning in result.warnings] == [
        "`phone` is not a phone number in E.164 format (1 row, line 4)"
    ]
