from datetime import time
from typing import Any

import pytest

from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.feeds.values import broken_rules, format_value, parse_value


def column(**keys: Any) -> Column:
    return Column.model_validate({"name": "x", **keys})


@pytest.mark.parametrize(
    ("keys", "text", "value"),
    [
        ({"type": "string"}, "001", "001"),
        ({"type": "integer"}, "-012", -12),
        ({"type": "integer"}, "9223372036854775807", 2**63 - 1),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, ".5", 0.5),
        ({"type": "boolean"}, "TRUE", True),
        ({"type": "boolean", "trueValues": ["Y"]}, "Y", True),
        ({"type": "time"}, "14:05", time(14, 5)),
        ({"type": "time"}, "14:05:30", time(14, 5, 30)),
        ({"type": "time"}, "14:05:30.25", time(14, 5, 30, 250_000)),
        ({"type": "time", "format": "%H.%M"}, "00.00", time(0)),
        ({"type": "year"}, "1998", 1998),
    ],
)
def test_a_text_in_the_form_of_its_type_is_a_value(
    keys: dict[str, Any], text: str, value: object
) -> None:
    assert parse_value(text, column(**keys)) == value


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"type": "integer"}, "1.0"),
        ({"type": "integer"}, "1_000"),
        ({"type": "integer"}, " 1"),
        ({"type": "integer"}, "٣"),
        ({"type": "integer"}, "9223372036854775808"),
        ({"type": "number"}, "1,000"),
        ({"type": "number"}, "nan"),
        ({"type": "number"}, "1e999"),
        ({"type": "boolean"}, "yes"),
        ({"type": "year"}, "98"),
        ({"type": "date"}, "2026-02-30"),
        ({"type": "date"}, "2026-2-3"),
        ({"type": "date"}, "20260203"),
        ({"type": "date", "format": "%m/%d/%Y"}, "13/13/2026"),
        ({"type": "datetime"}, "2026-02-03"),
        ({"type": "time"}, "9:05"),
        ({"type": "time"}, "09:05 AM"),
        ({"type": "time"}, "24:00"),
        ({"type": "time"}, "23:59:60"),
        ({"type": "time"}, "14:05Z"),
        ({"type": "time"}, "14:05:30.1234567"),
        ({"type": "time", "format": "%H:%M"}, "9:05"),
        ({"type": "time", "format": "%H:%M"}, "14:05:30"),
        ({"type": "time", "format": "%H%M"}, "2400"),
        ({"type": "datetime"}, "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_text_in_another_form_is_no_value(keys: dict[str, Any], text: str) -> None:
    assert parse_value(text, column(**keys)) is None


def test_points_in_time_are_compared_in_utc() -> None:
    moment = column(type="datetime")
    assert parse_value("2026-02-03T12:00:00+02:00", moment) == parse_value(
        "2026-02-03 10:00:00", moment
    )


@pytest.mark.parametrize(
    ("keys", "text", "broken"),
    [
        ({"constraints": {"minLength": 2}}, "a", ["length"]),
        ({"constraints": {"maxLength": 2}}, "abc", ["length"]),
        ({"constraints": {"maxLength": 2, "pattern": "[0-9]+"}}, "abc", ["length", "pattern"]),
        ({"constraints": {"pattern": "[0-9]{4}"}}, "2026\n", ["pattern"]),
        ({"constraints": {"enum": ["a", "b"]}}, "c", ["enum"]),
        ({"type": "integer", "constraints": {"enum": [1, 2]}}, "01", []),
        ({"type": "integer", "constraints": {"minimum": 1}}, "0", ["range"]),
        ({"type": "date", "constraints": {"maximum": "2026-01-01"}}, "2026-01-02", ["range"]),
        ({"type": "date", "constraints": {"maximum": "2026-01-01"}}, "2026-01-01", []),
        ({"type": "time", "constraints": {"minimum": "08:00"}}, "07:59:59", ["range"]),
        ({"type": "time", "constraints": {"minimum": "08:00"}}, "08:00:00", []),
        ({"type": "time", "constraints": {"enum": ["08:00"]}}, "08:00:00", []),
        ({"type": "year", "constraints": {"minimum": 1800}}, "x", ["type"]),
    ],
)
def test_every_broken_rule_is_named(keys: dict[str, Any], text: str, broken: list[str]) -> None:
    assert list(broken_rules(text, column(**keys))) == broken


def test_true_and_false_are_written_in_the_first_spelling() -> None:
    flag = column(type="boolean", trueValues=["Y"], falseValues=["N"])
    assert [format_value(value=value, column=flag) for value in (True, False)] == ["Y", "N"]
