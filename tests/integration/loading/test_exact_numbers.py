"""Numbers of a fixed number of decimals, from a delivered file to whatever shows them."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from alumniq_pipelines.checking.check import CheckOptions, check_received_file
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS
from alumniq_pipelines.checking.rejection_report import write_report
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.core.loads.load_result import LoadResult, Published, Rejected
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.defs.columns import column_schema
from alumniq_pipelines.services.file_check import check_file
from tests.integration.loading.installation import NOW, Installation
from webhook_gateway.api.reference import field_map_page

Load = Callable[[FieldMap, str], LoadResult]
Write = Callable[[str | bytes], Path]

LARGE = "12345678901234567.89"
HEADER = "id,amount,fee\n"
GIFTS = Target("iqu", Environment.QA, "gifts")


def gifts(
    decimals: int | None, *foreign_keys: Mapping[str, Any], **constraints: object
) -> FieldMap:
    rules = {} if decimals is None else {"decimals": decimals}
    amount = {"name": "amount", "type": "number", "example": "25.00", "alumniq": rules}
    return FieldMap.model_validate(
        {
            "name": "gifts",
            "path": "gifts.csv",
            "title": "Gifts",
            "schema": {
                "primaryKey": ["id"],
                "foreignKeys": foreign_keys,
                "fields": [
                    {"name": "id"},
                    {**amount, "constraints": constraints},
                    {"name": "fee", "type": "number", "alumniq": {**rules, "default": 0.5}},
                ],
            },
        }
    )


EXACT, ROUNDED = gifts(2), gifts(None)


@pytest.fixture
def load(tmp_path: Path, warehouse: Warehouse) -> Load:
    """Return a function that delivers and loads a file, each with the next number."""
    numbers = iter(range(1, 100))

    def deliver_and_load(field_map: FieldMap, content: str) -> LoadResult:
        number = next(numbers)
        installation = Installation(tmp_path / str(number), field_map, warehouse)
        installation.deliver(content)
        return installation.load(number)

    return deliver_and_load


def amounts(warehouse: Warehouse) -> list[object]:
    _, rows = warehouse.query("iqu", "qa", "select amount from gifts order by id")
    return [amount for (amount,) in rows]


def rejections(result: LoadResult) -> list[tuple[int | None, str | None, str]]:
    assert isinstance(result, Rejected)
    return [
        (rejection.line, rejection.column, rejection.code)
        for rejection in result.check_result.rejections
    ]


def test_a_number_is_published_exactly_as_it_was_sent(load: Load, warehouse: Warehouse) -> None:
    whole = "9" * 36
    load(EXACT, HEADER + f"a,{LARGE},\nb,-0.1,1\nc,2.5e1,\nd,,\ne,25.000000,\nf,{whole}.99,\n")
    expected = [LARGE, "-0.10", "25.00", None, "25.00", f"{whole}.99"]
    assert amounts(warehouse) == [text and Decimal(text) for text in expected]
    _, rows = warehouse.query("iqu", "qa", "select sum(amount), min(fee) from gifts where id < 'd'")
    assert rows == [(Decimal("12345678901234592.79"), Decimal("0.50"))]


def test_a_number_that_would_have_to_be_rounded_is_rejected_with_what_is_allowed(
    load: Load,
) -> None:
    cells = ("25.005", "0.001", "1e-3", "1" * 37, "$5", "1e999")
    result = load(EXACT, HEADER + "".join(f"r{cell},{cell},\n" for cell in cells))
    assert rejections(result) == [(line, "amount", "type") for line, _ in enumerate(cells, start=2)]
    assert isinstance(result, Rejected)
    rejection = result.check_result.rejections[0]
    assert rejection.message == "`amount` is not a number of at most 36 digits and 2 decimals"
    assert rejection.advice == (
        "Write at most 36 digits before the decimal point and 2 after it, without currency signs "
        "or separators of thousands, such as 25.00."
    )


def test_bounds_of_exact_numbers_are_compared_exactly(load: Load) -> None:
    bounded = gifts(2, minimum=0.01, maximum=LARGE)
    content = f"a,{LARGE},\nb,12345678901234567.90,\nc,0.00,\nd,0.01,\n"
    assert rejections(load(bounded, HEADER + content)) == [
        (3, "amount", "range"),
        (4, "amount", "range"),
    ]


def test_numbers_that_a_double_takes_for_one_are_two_keys_and_spellings_of_one_are_one(
    load: Load,
) -> None:
    unique = gifts(2, unique=True)
    content = "a,12345678901234567.88,\nb,12345678901234567.89,\nc,12345678901234567.880,\n"
    assert rejections(load(unique, HEADER + content)) == [(4, "amount", "duplicate-value")]


def rates(decimals: int | None) -> FieldMap:
    rules = {} if decimals is None else {"decimals": decimals}
    fields = [{"name": "rate", "type": "number", "alumniq": rules}]
    return FieldMap.model_validate(
        {"name": "rates", "path": "rates.csv", "schema": {"primaryKey": "rate", "fields": fields}}
    )


@pytest.mark.parametrize("theirs", [None, 2, 4], ids=str)
def test_exact_numbers_refer_to_numbers_however_they_are_stored(
    load: Load, theirs: int | None
) -> None:
    load(rates(theirs), f"rate\n0.10\n25\n{LARGE}\n{'9' * 34}.5\n")
    reference = {"resource": "rates", "fields": ["rate"]}
    key = {"fields": ["amount"], "reference": reference, "alumniq": {"severity": "error"}}
    content = f"a,0.1,\nb,25.00,\nc,{LARGE},\nd,25.01,\ne,{'9' * 36},\n"
    result = load(gifts(2, key), HEADER + content)
    assert rejections(result) == [(5, "amount", "foreign-key"), (6, "amount", "foreign-key")]


def test_a_version_of_doubles_is_compared_by_value(load: Load) -> None:
    load(ROUNDED, HEADER + f"a,25.1,\nb,{LARGE},1\nc,7,\nd,0.3,\n")
    result = load(EXACT, HEADER + f"a,25.10,\nb,{LARGE},1.00\nc,7.5,\nd,0.30,0.5\n")
    assert isinstance(result, Published)
    assert result.changes is not None
    assert (result.changes.changed, result.changes.unchanged) == (1, 3)
    assert result.changes.columns == {"amount": 1}
    assert not result.changes.emptied


@pytest.mark.parametrize(("before", "after"), [(None, 2), (2, None), (2, 4), (4, 1)])
def test_readers_and_rollbacks_go_on_working_when_numbers_change_their_type(
    load: Load, warehouse: Warehouse, before: int | None, after: int | None
) -> None:
    load(gifts(before), HEADER + "a,25,\nb,3,\n")
    load(gifts(after), HEADER + "a,26,\nb,4,\n")
    assert amounts(warehouse) == [26, 4]
    warehouse.make_live(GIFTS, 1, NOW)
    assert amounts(warehouse) == [25, 3]
    warehouse.make_live(GIFTS, 2, NOW)
    assert amounts(warehouse) == [26, 4]
    result = load(gifts(before), HEADER + "a,26.0,\nb,4,\n")
    assert isinstance(result, Published)
    assert result.changes is not None
    assert (result.changes.changed, result.changes.unchanged) == (0, 2)


def test_a_column_left_with_its_default_as_a_double_holds_no_load(load: Load) -> None:
    load(ROUNDED, "id,amount,fee\na,1,\n")
    result = load(EXACT, "id,amount\na,1\n")
    assert isinstance(result, Published)


def test_a_number_that_a_double_does_not_keep_is_a_warning_with_its_first_line(
    load: Load, warehouse: Warehouse
) -> None:
    content = f"a,25.00,\nb,{LARGE},\nc,0.30000000000000004,\nd,9007199254740993,\n"
    result = load(ROUNDED, HEADER + content)
    assert isinstance(result, Published)
    [warning] = result.check_result.warnings
    assert (warning.code, warning.column, warning.severity) == ("precision", "amount", "warning")
    assert str(warning) == (
        "`amount` has more digits than its published number keeps, or is too close to 0 for it "
        "(2 rows, first on line 3)"
    )
    assert "fixed number of decimals" in warning.advice
    assert amounts(warehouse) == [25.0, float(LARGE), 0.1 + 0.2, 2.0**53]


@pytest.mark.parametrize("number", ["1e-330", "1e-400", "-1e-99999", "1.2e-323"])
def test_the_warning_is_true_of_a_number_of_few_digits_that_is_published_as_another(
    number: str, write: Write
) -> None:
    [warning] = check_file(write(f"{HEADER}a,{number},\n"), ROUNDED).warnings
    assert "or is too close to 0" in warning.message
    assert "closer to 0 than 1e-300 as 0" in warning.advice


def test_a_clean_file_of_long_numbers_gets_no_warning(write: Write) -> None:
    rows = "".join(f"{n},{n / 7!r},{n}.{'0' * 20}\n" for n in range(1_000))
    result = check_file(write(HEADER + rows), ROUNDED)
    assert (result.outcome, result.warnings, result.notes) == ("clean", (), ())


def test_the_rejection_report_has_the_number_as_it_was_sent(write: Write, tmp_path: Path) -> None:
    path = write(HEADER + "a,25.00,\nb,25.005,1\n")
    options = CheckOptions(max_remembered=10)
    with check_received_file(
        path, EXACT, tmp_path, options, DEFAULT_LIMITS, StepTimer(ignore_progress)
    ) as file:
        written = write_report(file, 10, tmp_path)
    assert written is not None
    _, row = written.csv.read_text(encoding="utf-8").splitlines()
    assert row.startswith("b,25.005,1,2,3,amount,type,")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_accepted_numbers_are_written_out_as_they_are_published(
    form: str, write: Write, tmp_path: Path
) -> None:
    output = tmp_path / f"out.{form}"
    check_file(write(HEADER + f"a,{LARGE},1\nb,2.5e1,\n"), EXACT, output)
    if form == "csv":
        written = output.read_text(encoding="utf-8").splitlines()
        assert written[1:] == [f"a,{LARGE},1.00", "b,25.00,0.50"]
    else:
        with duckdb.connect() as connection:
            rows = connection.read_parquet(str(output)).fetchall()
        assert rows == [
            ("a", Decimal(LARGE), Decimal("1.00")),
            ("b", Decimal("25.00"), Decimal("0.50")),
        ]


def test_templates_pages_and_dagster_show_how_many_decimals_there_are() -> None:
    assert template(EXACT, Catalog.of(EXACT)).splitlines()[1] == '"","25.00",""'
    page = bytes(field_map_page(EXACT).body).decode()
    assert "<td>number, at most 2 decimals</td>" in page
    assert [column.type for column in column_schema(EXACT).columns] == [
        "string",
        "decimal(38,2)",
        "decimal(38,2)",
    ]
