"""The screen in SQL, pandera and the plain meaning of rules never contradict one another."""

from collections.abc import Iterator, Sequence

import duckdb
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.checking.pandera_checks import check_cells
from alumniq_pipelines.checking.pandera_schema import column_schema
from alumniq_pipelines.checking.sql_checks import suspect_condition, value_sql
from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import Column, Constraints
from alumniq_pipelines.core.feeds.values import broken_rules, loses_digits, parse_value
from tests.checked_columns import COLUMNS, TEXTS, column, exact, plain, referring
from tests.odd_texts import ODD_TEXTS


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def test_every_type_and_every_constraint_is_compared() -> None:
    assert {checked.type for checked in COLUMNS} == set(ColumnType)
    constraints = {name for checked in COLUMNS for name in checked.constraints.model_fields_set}
    assert constraints == Constraints.model_fields.keys() - {"required", "unique"}


def screened(
    connection: duckdb.DuckDBPyConnection,
    checked: Column,
    texts: Sequence[str | None],
    *,
    required: bool,
) -> list[tuple[bool, object]]:
    condition = suspect_condition("v", checked, required=required) or "false"
    return connection.execute(
        f"SELECT {condition}, {value_sql('v', checked)} "
        "FROM (SELECT unnest($texts::VARCHAR[]) AS v)",
        {"texts": list(texts)},
    ).fetchall()


def check_screen(
    connection: duckdb.DuckDBPyConnection, checked: Column, texts: Sequence[str]
) -> None:
    """Compare what the screen lets pass with the plain meaning of the rules."""
    for text, (is_suspect, value) in zip(
        texts, screened(connection, checked, texts, required=False), strict=True
    ):
        if not is_suspect:
            assert list(broken_rules(text, checked)) == []
            assert not loses_digits(text, checked)
            assert value == plain(parse_value(text, checked))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(COLUMNS), TEXTS)
@example(COLUMNS[8], ["1e400", "5e-324", "1e-400", "123456789012345678901234567890"])
def test_what_passes_the_screen_breaks_no_rule_and_is_stored_as_its_value(
    connection: duckdb.DuckDBPyConnection, checked: Column, texts: list[str]
) -> None:
    check_screen(connection, checked, texts)


@pytest.mark.parametrize("checked", COLUMNS, ids=lambda checked: f"{checked.type} {checked.format}")
def test_every_odd_text_can_be_screened_in_every_column(
    connection: duckdb.DuckDBPyConnection, checked: Column
) -> None:
    """DuckDB reads `infinity` by any format, and could not make a time of day of it."""
    check_screen(connection, checked, ODD_TEXTS)


@settings(deadline=None)
@given(st.sampled_from(COLUMNS), TEXTS)
def test_pandera_checks_the_rules_as_they_are_meant(checked: Column, texts: list[str]) -> None:
    series = pd.Series(texts, dtype=str)
    found: dict[int, list[str]] = {}
    for rule, broken in check_cells(column_schema(checked, required=False), series):
        for index in broken.nonzero()[0]:
            found.setdefault(int(index), []).append(rule.value)
    assert found == {
        index: rules
        for index, text in enumerate(texts)
        if (rules := list(broken_rules(text, checked)))
    }


@pytest.mark.parametrize("checked", COLUMNS, ids=lambda checked: f"{checked.type} {checked.format}")
def test_blanks_are_suspect_only_where_they_are_refused(
    connection: duckdb.DuckDBPyConnection, checked: Column
) -> None:
    assert screened(connection, checked, [None], required=False) == [(False, None)]
    assert screened(connection, checked, [None], required=True) == [(True, None)]


def test_ordinary_values_pass_the_screen(connection: duckdb.DuckDBPyConnection) -> None:
    """Otherwise every row would be checked twice."""
    ordinary = {
        ColumnType.INTEGER: "42",
        ColumnType.NUMBER: "-12.50",
        ColumnType.BOOLEAN: "true",
        ColumnType.DATE: "2024-02-29",
        ColumnType.DATETIME: "2024-02-29T23:59:59+02:00",
        ColumnType.TIME: "14:05",
        ColumnType.YEAR: "1998",
        ColumnType.STRING: "Müller",
    }
    assert ordinary.keys() == set(ColumnType)
    for kind, text in ordinary.items():
        ((is_suspect, value),) = screened(connection, column(kind), [text], required=True)
        assert not is_suspect
        assert value is not None


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("country", "USA"),
        ("country", "US"),
        ("country-alpha-2", "US"),
        ("country-alpha-3", "USA"),
        ("subdivision", "US-MA"),
        ("email", "Margaret.O'Neill@alumni.example.edu"),
        ("phone", "+14135550102"),
        ("url", "https://www.example.edu/people?id=7"),
    ],
)
def test_ordinary_members_of_reference_sets_pass_the_screen(
    connection: duckdb.DuckDBPyConnection, reference: str, text: str
) -> None:
    found = screened(connection, referring(reference), [text], required=True)
    assert found == [(False, text)]


def test_a_blank_takes_the_default_and_a_wrong_value_does_not(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    checked = column("integer").model_copy(
        update={"alumniq": column("integer").alumniq.model_copy(update={"default": 7})}
    )
    found = screened(connection, checked, [None, "x", "3"], required=False)
    assert found == [(False, 7), (True, None), (False, 3)]


def test_a_column_without_rules_is_not_screened_at_all() -> None:
    assert suspect_condition("v", column("string"), required=False) is None


@pytest.mark.parametrize(
    ("checked", "text"),
    [
        (exact(2), "25"),
        (exact(2), "-1234567.89"),
        (exact(2), "25.000000"),
        (exact(2), "12345678901234567.89"),
        (column("number"), "0.30000000000000004"),
        (column("number"), "1234567890.500000"),
        (column("number"), "1.5E+02"),
        (column("datetime"), "2024-01-31 10:30"),
        (column("datetime"), "2024-01-31T10:30:00.1234560"),
        (column("datetime"), "2024-01-31 10:30:00.0000000"),
        (column("datetime"), "2024-01-31T10:30:00+0530"),
        (column("datetime"), "2024-01-31T10:30:00-05"),
        (column("datetime"), "2024-01-31T10:30Z"),
        (column("datetime"), "2024-01-31 10:30:00.0000000 +05:30"),
        (column("datetime"), "2024-01-31 10:30:00 -0500"),
        (column("datetime"), "2024-01-31 10:30:00 UTC"),
        (column("time"), "14:05:30.0000000"),
    ],
)
def test_what_whole_exports_are_written_in_passes_the_screen(
    connection: duckdb.DuckDBPyConnection, checked: Column, text: str
) -> None:
    """SQL Server writes seven digits and a blank before the offset, PostgreSQL offsets of two."""
    [(is_suspect, value)] = screened(connection, checked, [text], required=True)
    assert not is_suspect
    assert value == plain(parse_value(text, checked))
