from decimal import Decimal

import duckdb
import pytest

from alumniq_pipelines.checking.comparable_cells import comparable
from alumniq_pipelines.core.feeds.column_types import STORED_SPECS


def are_equal(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Compare two texts, each as a value of its type."""
    (text, kind), (other_text, other_kind) = one, other
    left = comparable("a", kind, other_kind)
    right = comparable("b", other_kind, kind)
    [(equal, hashes)] = duckdb.execute(
        f"SELECT {left} = {right}, hash({left}) = hash({right}) "
        f"FROM (SELECT CAST($a AS {kind}) AS a, CAST($b AS {other_kind}) AS b)",
        {"a": text, "b": other_text},
    ).fetchall()
    assert equal == hashes
    return bool(equal)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (("5", "BIGINT"), ("5.00", "DECIMAL(38,2)"), True),
        (("-5", "INTEGER"), ("-5.0", "DOUBLE"), True),
        (("2024", "INTEGER"), ("2024", "BIGINT"), True),
        (("0", "DECIMAL(38,2)"), ("-0.0", "DOUBLE"), True),
        (("100", "DECIMAL(38,0)"), ("1", "BIGINT"), False),
        (("100", "DECIMAL(38,0)"), ("100.00", "DECIMAL(38,2)"), True),
        (("9" * 36, "DECIMAL(38,2)"), ("1", "DECIMAL(38,18)"), False),
        (("12345678901234567.89", "DECIMAL(38,2)"), ("12345678901234567.89", "DOUBLE"), True),
        (("12345678901234567.89", "DECIMAL(38,2)"), ("12345678901234567", "BIGINT"), False),
        (("5", "VARCHAR"), ("5", "BIGINT"), True),
        (("05", "VARCHAR"), ("5", "BIGINT"), False),
        (("2024-01-31", "DATE"), ("2024-01-31 00:00:00", "TIMESTAMP"), True),
        (("2024-01-31", "DATE"), ("2024-01-31 00:00:01", "TIMESTAMP"), False),
    ],
)
def test_cells_of_two_types_are_equal_if_their_values_are(
    one: tuple[str, str], other: tuple[str, str], *, equal: bool
) -> None:
    assert are_equal(one, other) == equal
    assert are_equal(other, one) == equal


def test_cells_of_any_two_types_can_be_compared() -> None:
    values = {"DATE": "2024-01-31", "TIMESTAMP": "2024-01-31", "TIME": "14:05", "BOOLEAN": "true"}
    for one in STORED_SPECS:
        for other in STORED_SPECS:
            sides = [(values.get(kind, "1"), kind) for kind in (one.duckdb, other.duckdb)]
            are_equal(*sides)


@pytest.mark.parametrize("text", ["0.1", "12345678901234567.89", "98765432109876543210.12"])
def test_a_decimal_is_the_double_that_its_text_would_have_been_read_as(text: str) -> None:
    """A cast from DECIMAL to DOUBLE divides, and may miss it by the last bit."""
    assert are_equal((text, "DECIMAL(38,2)"), (repr(float(Decimal(text))), "DOUBLE"))
