"""What SQL says of a cell that did not pass the screen is what pandera would say."""

from collections.abc import Iterator, Sequence

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.sql_checks import BITS, broken_rules_sql, value_sql
from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.feeds.values import VISIBLE, broken_rules, loses_digits, parse_value
from tests.checked_columns import COLUMNS, TEXTS, column, exact, plain
from tests.odd_texts import ODD_TEXTS


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def decided(
    connection: duckdb.DuckDBPyConnection,
    checked: Column,
    texts: Sequence[str | None],
    *,
    required: bool,
) -> list[tuple[int | None, object]]:
    """Return the rules that SQL says are broken, None where pandera decides, and the value."""
    return connection.execute(
        f"SELECT {broken_rules_sql('v', checked, required=required)}, {value_sql('v', checked)} "
        "FROM (SELECT unnest($texts::VARCHAR[]) AS v)",
        {"texts": list(texts)},
    ).fetchall()


def check_decisions(
    connection: duckdb.DuckDBPyConnection, checked: Column, texts: Sequence[str]
) -> None:
    """Compare what SQL decides with the plain meaning of the rules."""
    found = decided(connection, checked, texts, required=False)
    for text, (broken, value) in zip(texts, found, strict=True):
        if broken is None:
            continue
        assert broken == sum(BITS[Rule(rule)] for rule in broken_rules(text, checked)), text
        if not broken & BITS[Rule.TYPE]:
            assert value == plain(parse_value(text, checked))
            assert not loses_digits(text, checked)
    for text, (broken, _value) in zip(
        texts, decided(connection, checked, texts, required=True), strict=True
    ):
        is_blank = text != "" and VISIBLE.search(text) is None
        assert not is_blank or broken == BITS[Rule.REQUIRED]
        assert is_blank or not (broken or 0) & BITS[Rule.REQUIRED]


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(COLUMNS), TEXTS)
@example(COLUMNS[8], ["1e400", "5e-324", "1e-400", "123456789012345678901234567890"])
def test_what_sql_says_of_a_text_is_what_pandera_would_say(
    connection: duckdb.DuckDBPyConnection, checked: Column, texts: list[str]
) -> None:
    check_decisions(connection, checked, texts)


@pytest.mark.parametrize("checked", COLUMNS, ids=lambda checked: f"{checked.type} {checked.format}")
def test_sql_is_right_about_odd_texts_and_days_that_are_none(
    connection: duckdb.DuckDBPyConnection, checked: Column
) -> None:
    days = [
        f"{year}-{month:02}-{day:02}"
        for year in ("0000", "0001", "1900", "2000", "2023", "2024", "9999")
        for month in range(14)
        for day in range(33)
    ]
    check_decisions(connection, checked, [*ODD_TEXTS, *days])


def test_ordinary_faults_are_decided_without_pandera(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    faults = (
        (column("string", max_length=3), "abcd", Rule.LENGTH),
        (column("string", pattern="[A-Z]{2}"), "ab", Rule.PATTERN),
        (column("string", enum=["a", "b"]), "c", Rule.ENUM),
        (column("integer", maximum=10), "11", Rule.RANGE),
        (column("integer"), "1.5", Rule.TYPE),
        (column("number", minimum=0), "-0.5", Rule.RANGE),
        (column("number"), "12,50", Rule.TYPE),
        (exact(2), "x", Rule.TYPE),
        (column("boolean"), "maybe", Rule.TYPE),
        (column("date"), "31.12.2024", Rule.TYPE),
        (column("date"), "2023-02-29", Rule.TYPE),
        (column("date"), "0000-00-00", Rule.TYPE),
        (column("date", minimum="1900-01-01"), "1899-12-31", Rule.RANGE),
        (column("date", "%d/%m/%Y"), "2024-12-31", Rule.TYPE),
        (column("datetime"), "yesterday", Rule.TYPE),
        (column("time"), "noon", Rule.TYPE),
        (column("year"), "24", Rule.TYPE),
        (column("string"), " ", Rule.REQUIRED),
        (column("integer"), None, Rule.REQUIRED),
    )
    for checked, text, rule in faults:
        [(broken, _value)] = decided(connection, checked, [text], required=True)
        assert broken == BITS[rule], (checked, text)
