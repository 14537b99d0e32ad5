"""Columns of times, from a delivered file to whatever shows them, on both engines."""

from collections.abc import Callable, Mapping, Sequence
from datetime import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from alumniq_pipelines.checking.check import CheckOptions, check_received_file
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS
from alumniq_pipelines.checking.rejection_report import write_report
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap, Threshold, Thresholds
from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.core.loads.load_result import Held, LoadResult, Published, Rejected
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.services.file_check import check_file
from tests.integration.loading.installation import Installation
from webhook_gateway.api.reference import field_map_page

Load = Callable[..., LoadResult]
Write = Callable[[str | bytes], Path]

ADVICE = "Write times as 14:05 or 14:05:30, on the 24-hour clock"


def opening_hours(*foreign_keys: Mapping[str, Any], key: Sequence[str] = ("room",)) -> FieldMap:
    bounds = {"minimum": "06:00", "maximum": "23:00"}
    return FieldMap.model_validate(
        {
            "name": "opening-hours",
            "path": "opening-hours.csv",
            "title": "Opening hours",
            "schema": {
                "primaryKey": key,
                "foreignKeys": foreign_keys,
                "fields": [
                    {"name": "room"},
                    {"name": "opens", "type": "time", "example": "09:05", "constraints": bounds},
                    {"name": "closes", "type": "time", "alumniq": {"default": "18:00"}},
                    {"name": "bell", "type": "time", "format": "%H%M"},
                ],
            },
        }
    )


HOURS = opening_hours()
HEADER = "room,opens,closes,bell\n"
SLOTS = FieldMap.model_validate(
    {
        "name": "slots",
        "path": "slots.csv",
        "schema": {
            "primaryKey": ["begins", "kind"],
            "fields": [{"name": "begins", "type": "time"}, {"name": "kind", "type": "time"}],
        },
    }
)


@pytest.fixture
def load(tmp_path: Path, warehouse: Warehouse) -> Load:
    """Return a function that delivers and loads a file, each with the next number."""
    numbers = iter(range(1, 100))

    def deliver_and_load(field_map: FieldMap, content: str, **options: Any) -> LoadResult:
        number = next(numbers)
        installation = Installation(tmp_path / str(number), field_map, warehouse)
        installation.deliver(content)
        return installation.load(number, **options)

    return deliver_and_load


def rejections(result: LoadResult) -> list[tuple[int | None, str | None, str]]:
    assert isinstance(result, Rejected)
    return [
        (rejection.line, rejection.column, rejection.code)
        for rejection in result.check_result.rejections
    ]


def test_a_time_without_seconds_is_accepted_and_a_blank_takes_the_default(
    load: Load, warehouse: Warehouse
) -> None:
    load(HOURS, HEADER + "a,06:00,14:05:30,1405\nb,23:00:00,14:05:30.25,0000\nc,,,\n")
    _, rows = warehouse.query("iqu", "qa", "select * from opening_hours order by room")
    assert rows == [
        ("a", time(6), time(14, 5, 30), time(14, 5)),
        ("b", time(23), time(14, 5, 30, 250_000), time(0)),
        ("c", None, time(18), None),
    ]


def test_what_a_spreadsheet_makes_of_times_is_rejected_with_how_to_write_them(
    load: Load,
) -> None:
    cells = ("9:05", "9:05 AM", "09:05 AM", "0.378472", "24:00", "09:05Z", "09:60")
    result = load(HOURS, HEADER + "".join(f"r{cell},{cell},,\n" for cell in cells))
    assert isinstance(result, Rejected)
    assert {rejection.code for rejection in result.check_result.rejections} == {"type"}
    assert len(result.check_result.rejections) == len(cells)
    rejection = result.check_result.rejections[0]
    assert rejection.message == "`opens` is not a time of day"
    assert rejection.advice == f"{ADVICE}, such as 09:05."
    assert result.check_result.hints == ()


def test_a_time_in_a_format_of_its_own_is_asked_for_in_that_format(load: Load) -> None:
    result = load(HOURS, HEADER + "a,,,14:05\nb,,,2400\n")
    assert isinstance(result, Rejected)
    assert rejections(result) == [(2, "bell", "type"), (3, "bell", "type")]
    assert result.check_result.rejections[0].advice == "Write times as hhmm, on the 24-hour clock."


def test_a_time_out_of_bounds_is_rejected(load: Load) -> None:
    result = load(HOURS, HEADER + "a,05:59:59.999999,,\nb,23:00:01,,\nc,06:00,,\n")
    assert rejections(result) == [(2, "opens", "range"), (3, "opens", "range")]


def test_two_spellings_of_a_time_are_one_key(load: Load) -> None:
    result = load(opening_hours(key=["opens"]), HEADER + "a,09:05,,\nb,09:05:00,,\n")
    assert rejections(result) == [(3, "opens", "duplicate-key")]


@pytest.mark.parametrize("where", [{}, {"kind": "12:00"}], ids=["key", "fixed"])
def test_times_refer_to_times_however_they_are_written(load: Load, where: dict[str, str]) -> None:
    load(SLOTS, "begins,kind\n09:05,12:00:00\n10:05,13:00\n")
    fields, to = (["opens"], ["begins"]) if where else (["opens", "closes"], ["begins", "kind"])
    reference = {"resource": "slots", "fields": to}
    rules = {"severity": "error", "where": where}
    hours = opening_hours({"fields": fields, "reference": reference, "alumniq": rules})
    result = load(hours, HEADER + "a,09:05:00,12:00,\nb,10:05,12:00,\n")
    assert isinstance(result, Rejected)
    assert [(rejection.line, rejection.code) for rejection in result.check_result.rejections] == [
        (3, "foreign-key")
    ]


def test_versions_are_compared_by_what_times_mean(load: Load) -> None:
    load(HOURS, HEADER + "a,09:05,,\nb,10:05,,\n")
    result = load(HOURS, HEADER + "a,09:05:00,18:00:00,\nb,10:06,,\n")
    assert isinstance(result, Published)
    assert result.changes is not None
    assert (result.changes.changed, result.changes.unchanged) == (1, 1)
    assert result.changes.columns == {"opens": 1}


def test_a_load_that_changes_too_many_times_is_held(load: Load, warehouse: Warehouse) -> None:
    load(HOURS, HEADER + "a,09:05,,\n")
    thresholds = Thresholds(changed=Threshold(rows=0))
    result = load(HOURS, HEADER + "a,09:06,,\n", thresholds=thresholds)
    assert isinstance(result, Held)
    assert result.reasons
    assert warehouse.query("iqu", "qa", "select opens from opening_hours")[1] == [(time(9, 5),)]


def test_the_rejection_report_has_the_time_as_it_was_sent(write: Write, tmp_path: Path) -> None:
    path = write(HEADER + "a,09:05,,\nb,9:05 AM,18:00,\n")
    options = CheckOptions(max_remembered=10)
    with check_received_file(
        path, HOURS, tmp_path, options, DEFAULT_LIMITS, StepTimer(ignore_progress)
    ) as file:
        written = write_report(file, 10, tmp_path)
    assert written is not None
    _, row = written.csv.read_text(encoding="utf-8").splitlines()
    assert row.startswith("b,9:05 AM,18:00,,2,3,opens,type,")
    assert ADVICE in row


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_accepted_times_are_written_out_as_they_are_published(
    form: str, write: Write, tmp_path: Path
) -> None:
    output = tmp_path / f"out.{form}"
    check_file(write(HEADER + "a,09:05,14:05:30.25,1405\nb,9:05,,\n"), HOURS, output)
    if form == "csv":
        written = output.read_text(encoding="utf-8").splitlines()
        assert written[1:] == ["a,09:05:00,14:05:30.25,14:05:00"]
    else:
        with duckdb.connect() as connection:
            rows = connection.read_parquet(str(output)).fetchall()
        assert rows == [("a", time(9, 5), time(14, 5, 30, 250_000), time(14, 5))]


def test_templates_and_pages_show_a_time_as_it_is_written() -> None:
    assert template(HOURS, Catalog.of(HOURS)).splitlines()[1] == '"","09:05","",""'
    page = bytes(field_map_page(HOURS).body).decode()
    assert "<td>time</td>" in page
    assert "<code>09:05</code>" in page
