from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.feeds.values import (
    broken_rules,
    format_value,
    loses_digits,
    parse_value,
)


def column(**keys: Any) -> Column:
    return Column.model_validate({"name": "x", **keys})


@pytest.mark.parametrize(
    ("keys", "text", "value"),
    [
        ({"type": "string"}, "001", "001"),
        ({"type": "integer"}, "-012", -12),
        ({"type": "integer"}, "9223372036854775807", 2**63 - 1),
        ({"type": "integer"}, "-9223372036854775808", -(2**63)),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, ".5", 0.5),
        ({"type": "boolean"}, "TRUE", True),
        ({"type": "boolean", "trueValues": ["Y"]}, "Y", True),
        ({"type": "time"}, "14:05", time(14, 5)),
        ({"type": "time"}, "14:05:30", time(14, 5, 30)),
        ({"type": "time"}, "14:05:30.25", time(14, 5, 30, 250_000)),
        ({"type": "time"}, "14:05:30.123456789", time(14, 5, 30, 123_456)),
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
        ({"type": "integer"}, "-9223372036854775809"),
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
        ({"type": "time"}, "14:05:30.1234567891"),
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


def exact(decimals: int, **keys: Any) -> Column:
    return column(type="number", alumniq={"decimals": decimals}, **keys)


@pytest.mark.parametrize(
    ("decimals", "text", "value"),
    [
        (2, "12345678901234567.89", "12345678901234567.89"),
        (2, "-0.1", "-0.10"),
        (2, "25", "25.00"),
        (2, "25.", "25.00"),
        (2, "+.5", "0.50"),
        (2, "25.000000000000000000000000", "25.00"),
        (2, "2.5e1", "25.00"),
        (2, "1" * 36, f"{'1' * 36}.00"),
        (2, f"000{'1' * 36}.99", f"{'1' * 36}.99"),
        (0, "9" * 38, "9" * 38),
        (0, "7.00", "7"),
        (18, "0.000000000000000001", "0.000000000000000001"),
    ],
)
def test_a_number_with_decimals_is_exactly_what_was_sent(
    decimals: int, text: str, value: str
) -> None:
    parsed = parse_value(text, exact(decimals))
    assert isinstance(parsed, Decimal)
    assert f"{parsed:f}" == value
    assert not loses_digits(text, exact(decimals))


@pytest.mark.parametrize(
    ("decimals", "text"),
    [
        (2, "0.001"),
        (2, "25.005"),
        (2, "1e-3"),
        (2, "1" * 37),
        (2, "1e36"),
        (2, "1e999999"),
        (2, "1e-999999"),
        (2, "1e99999999999999999999999"),
        (0, "0.5"),
        (18, "0.0000000000000000001"),
        (2, "1,000"),
        (2, "NaN"),
        (2, "sNaN"),
        (2, "Infinity"),
    ],
)
def test_a_number_that_would_have_to_be_rounded_is_no_value(decimals: int, text: str) -> None:
    assert parse_value(text, exact(decimals)) is None


def test_bounds_and_allowed_values_of_exact_numbers_are_compared_exactly() -> None:
    amount = exact(2, constraints={"maximum": "12345678901234567.89", "minimum": 0.01})
    assert list(broken_rules("12345678901234567.89", amount)) == []
    assert list(broken_rules("12345678901234567.90", amount)) == ["range"]
    assert list(broken_rules("0.01", amount)) == []
    assert list(broken_rules("0.00", amount)) == ["range"]
    allowed = exact(2, constraints={"enum": [0.5, "12345678901234567.89"]})
    assert list(broken_rules(".50", allowed)) == []
    assert list(broken_rules("12345678901234567.88", allowed)) == ["enum"]


def test_a_number_of_a_field_map_is_written_with_all_its_decimals() -> None:
    assert format_value(1e-05, exact(5)) == "0.00001"


@pytest.mark.parametrize(
    ("text", "is_lost"),
    [
        ("0.1", False),
        ("123456789012345", False),
        ("0.30000000000000004", False),
        ("9007199254740992", False),
        ("1234567890.5000000000000000", False),
        ("1.7976931348623157e308", False),
        ("5e-324", False),
        ("0e999", False),
        ("12345678901234567.89", True),
        ("9007199254740993", True),
        ("0.30000000000000001", True),
        ("0.1000000000000000055511151231257827", True),
        ("1.2e-323", True),
        ("1e-400", True),
        ("1e-99999999999999999999999", True),
    ],
)
def test_a_double_loses_the_digits_that_its_shortest_text_does_not_have(
    text: str, *, is_lost: bool
) -> None:
    assert loses_digits(text, column(type="number")) == is_lost


MOMENT = datetime(2026, 11, 28, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-28T02:00Z", MOMENT),
        ("2026-11-28 02:00", MOMENT),
        ("2026-11-28T02:00:00+0000", MOMENT),
        ("2026-11-28T02:00:00+00", MOMENT),
        ("2026-11-28t02:00:00z", MOMENT),
        ("2026-11-28 02:00:00 +00:00", MOMENT),
        ("2026-11-28 02:00:00 UTC", MOMENT),
        ("2026-11-28T02:00:00-00:00", MOMENT),
        ("2026-11-28T07:45:00+05:45", MOMENT),
        ("2026-11-28T07:45+0545", MOMENT),
        ("2026-11-27 21:00-05", MOMENT),
        ("2026-11-28 16:00 +14", MOMENT),
        ("2026-11-27 14:00:00-12:00", MOMENT),
        ("2026-11-28T02:00:00.1234567", MOMENT.replace(microsecond=123_456)),
        ("2026-11-28T02:00:00.123456789Z", MOMENT.replace(microsecond=123_456)),
        ("2026-11-28T02:00:00.9999999", MOMENT.replace(microsecond=999_999)),
    ],
)
def test_every_unambiguous_spelling_of_a_point_in_time_is_read(text: str, moment: datetime) -> None:
    assert parse_value(text, column(type="datetime")) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28T02:00:00+01:60",
        "2026-11-28T02:00:00+0160",
        "2026-11-28T02:00:00+14:01",
        "2026-11-28T02:00:00+15:00",
        "2026-11-28T02:00:00+24:00",
        "2026-11-28T02:00:00-12:01",
        "2026-11-28T02:00:00-13",
        "2026-11-28T02:00:00+5",
        "2026-11-28T02:00:00+5:30",
        "2026-11-28T02:00:00+05:3",
        "2026-11-28T02:00:00+053",
        "2026-11-28T02:00:00 EST",
        "2026-11-28T02:00:00  +00:00",
        "2026-11-28T02:00:00 ",
        " 2026-11-28T02:00:00",
        "2026-11-28T02:00:00.",
        "2026-11-28T02:00:00.1234567891",
        "2026-11-28T02:00.5",
        "2026-11-28T24:00",
        "2026-11-28T23:59:60Z",
        "2026-11-28T2:00",
        "2026-11-28T02",
        "20261128T020000",
        "2026-02-29T00:00:00",
        "9999-12-31T23:59:59-05:00",
        "11/28/2026 2:00:00 AM",
    ],
)
def test_what_may_mean_something_else_or_does_not_exist_is_no_point_in_time(text: str) -> None:
    assert parse_value(text, column(type="datetime")) is None


@pytest.mark.parametrize("kind", ["datetime", "time"])
@pytest.mark.parametrize(
    ("fraction", "is_lost"),
    [
        ("", False),
        (".123456", False),
        (".123456000", False),
        (".1234567", True),
        (".000000001", True),
    ],
)
def test_digits_beyond_the_microsecond_are_lost_unless_they_are_zeros(
    kind: str, fraction: str, *, is_lost: bool
) -> None:
    day = "2026-11-28 " if kind == "datetime" else ""
    assert loses_digits(f"{day}14:05:30{fraction}", column(type=kind)) == is_lost
