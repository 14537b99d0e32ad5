"""Foreign keys are checked against the live data of other feeds, on both engines."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.checking.check import CheckOptions, check_received_file
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS
from alumniq_pipelines.checking.orphans import OtherRows
from alumniq_pipelines.checking.reference_rows import ReferencedRows
from alumniq_pipelines.checking.reference_sources import (
    FileReferences,
    LiveReferences,
    ReferencedFile,
)
from alumniq_pipelines.checking.rejection_report import write_report
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.checking.structure.block import Positions
from alumniq_pipelines.core.feeds.field_map import FieldMap, ForeignKey
from alumniq_pipelines.core.loads.load_result import Published, Rejected
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import LiveRows, Warehouse
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.services.file_check import check_file
from tests.integration.loading.installation import NOW, Installation
from tests.integration.loading.referring_feeds import LISTS, PEOPLE, degrees, field_map, refers

Deliver = Callable[..., Published | Rejected]
Write = Callable[[str | bytes], Path]


@pytest.fixture
def deliver(tmp_path: Path, warehouse: Warehouse) -> Deliver:
    """Return a function that delivers and loads a file, each with the next number."""
    numbers = iter(range(1, 100))

    def write_feed_file(
        feed: FieldMap, content: str, customer: str = "iqu", max_rejected: int = 0
    ) -> Published | Rejected:
        number = next(numbers)
        installation = Installation(tmp_path / str(number), feed, warehouse)
        installation.deliver(content, customer)
        result = installation.load(number, customer, max_rejected)
        assert isinstance(result, Published | Rejected)
        assert not list(installation.scratch.iterdir())
        return result

    return write_feed_file


def rejection_messages(result: Published | Rejected) -> list[tuple[int | None, str | None, str]]:
    """Return the rejections: line, column and message."""
    rejections = result.check_result.rejections
    assert {rejection.code for rejection in rejections} <= {"foreign-key"}
    return [(rejection.line, rejection.column, rejection.message) for rejection in rejections]


def test_a_row_whose_key_matches_no_live_row_is_rejected(deliver: Deliver) -> None:
    deliver(PEOPLE, "xid,name\n001,Lee\n002,Roe\n")
    strict = degrees(refers("xid", "people", "xid", severity="error"))
    result = deliver(strict, "degree,xid\na,001\nb,1\nc,\nd,003\ne,002\n")
    message = "`xid` does not match any row of the feed people"
    assert rejection_messages(result) == [(3, "xid", message), (5, "xid", message)]
    assert result.check_result.rejections[0].advice == (
        "Send the missing rows of that feed first, or correct the value."
    )
    assert isinstance(result, Rejected)
    assert result.check_result.counts.rows_rejected == 2
    (cause,) = result.check_result.causes
    assert (cause.code, cause.column, cause.count, cause.first_line) == ("foreign-key", "xid", 2, 3)
    published = deliver(strict, "degree,xid\na,001\nb,1\n", max_rejected=1)
    assert isinstance(published, Published)
    assert published.version.rows == 1


@pytest.mark.parametrize("severity", ["", "warning", "note"])
def test_a_reference_warning_keeps_the_row_and_is_reported(deliver: Deliver, severity: str) -> None:
    rules = {"severity": severity} if severity else {}
    deliver(PEOPLE, "xid\n001\n")
    result = deliver(degrees(refers("xid", "people", "xid", **rules)), "degree,xid\na,1\nb,001\n")
    assert isinstance(result, Published)
    assert result.check_result.is_clean
    (warning,) = result.check_result.warnings
    assert (warning.code, warning.severity) == ("foreign-key", severity or "warning")
    assert str(warning) == "`xid` does not match any row of the feed people (1 row, line 2)"
    assert warning.advice == "Send the missing rows of that feed first, or correct the value."


def test_references_to_a_feed_without_live_data_are_not_checked_and_a_note_says_so(
    deliver: Deliver,
) -> None:
    strict = degrees(
        refers("xid", "people", "xid", severity="error"),
        refers("school", "lists", "code", severity="error", where={"list": "school"}),
    )
    result = deliver(strict, "degree,xid,school\na,1,AS\n")
    assert isinstance(result, Published)
    assert result.check_result.notes[-2:] == (
        "The feed people has no live data yet, so references to it were not checked.",
        "The feed lists has no live data yet, so references to it were not checked.",
    )


def test_references_never_match_another_customers_rows(deliver: Deliver) -> None:
    strict = degrees(refers("xid", "people", "xid", severity="error"))
    deliver(PEOPLE, "xid\n001\n", customer="zed")
    result = deliver(strict, "degree,xid\na,001\n")
    assert "no live data yet" in result.check_result.notes[-1]
    deliver(PEOPLE, "xid\n002\n")
    result = deliver(strict, "degree,xid\na,001\nb,002\n")
    assert [line for line, _, _ in rejection_messages(result)] == [2]


def test_references_never_match_another_environments_rows(
    deliver: Deliver, warehouse: Warehouse, tmp_path: Path
) -> None:
    deliver(PEOPLE, "xid\n001\n")
    elsewhere = Target("iqu", Environment.PRODUCTION, "degrees")
    found = LiveReferences(warehouse, elsewhere, tmp_path).rows_of("people", ["xid"])
    assert getattr(found, "note", "").startswith("The feed people has no live data")


def test_live_rows_can_be_requested_again(
    deliver: Deliver, warehouse: Warehouse, tmp_path: Path
) -> None:
    """It happens if one feed refers to two others, and one of these to the other."""
    result = deliver(PEOPLE, "xid\n001\n")
    assert isinstance(result, Published)
    reference_sources = LiveReferences(warehouse, result.version.target, tmp_path / "references")
    found = [reference_sources.rows_of("people", ["xid"]) for _ in range(2)]
    assert all(isinstance(rows, ReferencedRows) and rows.database.exists() for rows in found)


def test_a_code_is_looked_up_in_its_own_list(deliver: Deliver) -> None:
    deliver(LISTS, "list,code\nschool,AS\nunit,EN\n")
    listed = degrees(refers("school", "lists", "code", severity="error", where={"list": "school"}))
    result = deliver(listed, "degree,school\na,AS\nb,EN\nc,as\n")
    message = "`school` does not match any row of the feed lists where `list` = school"
    assert rejection_messages(result) == [(3, "school", message), (4, "school", message)]


def test_a_fixed_part_of_a_key_is_compared_by_its_value(deliver: Deliver) -> None:
    fields = [{"name": "rate", "type": "number"}, {"name": "code"}]
    deliver(field_map("rates", ["rate", "code"], fields), "rate,code\n5,AS\n7.5,EN\n")
    listed = degrees(refers("school", "rates", "code", severity="error", where={"rate": "5"}))
    result = deliver(listed, "degree,school\na,AS\nb,EN\n")
    assert rejection_messages(result) == [
        (3, "school", "`school` does not match any row of the feed rates where `rate` = 5")
    ]


def test_a_key_of_several_columns_refers_as_a_whole_and_with_a_blank_to_nothing(
    deliver: Deliver,
) -> None:
    deliver(LISTS, "list,code\nschool,AS\nunit,EN\n")
    both = degrees(refers(["list", "school"], "lists", ["list", "code"], severity="error"))
    result = deliver(both, "degree,list,school\na,school,AS\nb,unit,AS\nc,,AS\nd,unit,\ne,,\n")
    message = "`list` + `school` do not match any row of the feed lists"
    assert rejection_messages(result) == [(3, None, message)]


def test_types_that_differ_are_compared_as_their_text(deliver: Deliver) -> None:
    years = field_map("years", ["year"], [{"name": "year", "type": "year"}])
    deliver(years, "year\n1998\n2001\n")
    by_text = field_map(
        "classes",
        ["name"],
        [{"name": "name"}, {"name": "class"}, {"name": "number", "type": "integer"}],
        refers("class", "years", "year", severity="error"),
        refers("number", "years", "year", severity="error"),
    )
    rows = "a,1998,1998\nb,01998,2001\nc,2001,2002\n"
    result = deliver(by_text, f"name,class,number\n{rows}")
    message = "`{}` does not match any row of the feed years"
    assert rejection_messages(result) == [
        (3, "class", message.format("class")),
        (4, "number", message.format("number")),
    ]


def test_a_live_version_of_an_older_field_map_may_lack_the_column(deliver: Deliver) -> None:
    older = field_map("lists", ["code"], [{"name": "code"}])
    deliver(older, "code\nAS\n")
    result = deliver(
        degrees(refers("school", "lists", "code", severity="error", where={"list": "school"})),
        "degree,school\na,XX\n",
    )
    assert isinstance(result, Published)
    assert result.check_result.notes[-1] == (
        "References from `school` were not checked: the live data of the feed lists does not have "
        "`list` yet."
    )


def test_a_version_that_replaces_the_live_one_meanwhile_is_not_mixed_in(
    deliver: Deliver, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows returned are of one version, even if it is rolled back just then."""
    first = deliver(PEOPLE, "xid\n001\n")
    second = deliver(PEOPLE, "xid\n002\n")
    assert isinstance(first, Published)
    assert isinstance(second, Published)
    target, number = second.version.target, first.version.number
    live_rows = type(warehouse).live_rows

    def lent_then_rolled_back(itself: Any, wanted: Target, *rest: Any) -> LiveRows | None:
        found = live_rows(itself, wanted, *rest)
        if wanted.feed == "people":
            warehouse.make_live(target, number, NOW)
        return found

    monkeypatch.setattr(type(warehouse), "live_rows", lent_then_rolled_back)
    strict = degrees(
        refers("xid", "people", "xid", severity="error"),
        refers("school", "people", "xid", severity="error"),
    )
    result = deliver(strict, "degree,xid,school\na,002,002\nb,001,001\n")
    places = [(line, column) for line, column, _ in rejection_messages(result)]
    assert places == [(3, "xid"), (3, "school")]
    monkeypatch.undo()
    result = deliver(strict, "degree,xid,school\na,002,002\nb,001,001\n")
    places = [(line, column) for line, column, _ in rejection_messages(result)]
    assert places == [(2, "xid"), (2, "school")]


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_version_that_is_removed_meanwhile_is_read_to_the_end(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """From PostgreSQL, rows are copied before they are looked up."""
    assert isinstance(warehouse, DuckDBWarehouse)
    result = deliver(PEOPLE, "xid\n001\n")
    assert isinstance(result, Published)
    first = result.version
    find = OtherRows.orphans

    def removed_then_found(itself: OtherRows, key: ForeignKey) -> Iterator[Positions]:
        deliver(PEOPLE, "xid\n002\n")
        warehouse.files(first.target).retire(first.number)
        return find(itself, key)

    monkeypatch.setattr(OtherRows, "orphans", removed_then_found)
    strict = degrees(refers("xid", "people", "xid", severity="error"))
    result = deliver(strict, "degree,xid\na,001\nb,002\n")
    assert [line for line, _, _ in rejection_messages(result)] == [3]


def test_unreadable_referenced_rows_are_an_outage(tmp_path: Path, write: Write) -> None:
    class Gone:
        def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows:
            return ReferencedRows(tmp_path / "gone.duckdb", feed + "".join(columns))

    referring = degrees(refers("xid", "people", "xid"))
    with pytest.raises(WarehouseUnavailable):
        check_file(write("degree,xid\na,001\n"), referring, reference_sources=Gone())


def test_rows_that_are_rejected_anyway_report_their_references_too(deliver: Deliver) -> None:
    deliver(PEOPLE, "xid\n001\n")
    strict = degrees(refers("xid", "people", "xid", severity="error"))
    result = deliver(strict, "degree,xid\na,001\na,7\n,8\n")
    codes = [(rejection.line, rejection.code) for rejection in result.check_result.rejections]
    assert codes == [(3, "duplicate-key"), (3, "foreign-key"), (4, "required"), (4, "foreign-key")]
    assert result.check_result.counts.rows_rejected == 2


def zeros(rows: int) -> str:
    many = "1 row" if rows == 1 else f"{rows} rows"
    return (
        f"`xid` has lost leading zeros in {many}: padded with zeros to 3 characters, the values "
        "match keys of the feed people. Spreadsheets drop leading zeros: format the column as text "
        "before the values are entered, then export the file again."
    )


@pytest.mark.parametrize("severity", ["warning", "error"])
def test_keys_that_lost_their_zeros_are_detected_by_the_referenced_keys(
    deliver: Deliver, severity: str
) -> None:
    deliver(PEOPLE, "xid\n001\n002\n103\n")
    referring = degrees(refers("xid", "people", "xid", severity=severity))
    result = deliver(referring, "degree,xid\na,1\nb,2\nc,103\nd,9\n")
    assert result.check_result.hints[0] == zeros(2)
    result = deliver(referring, "degree,xid\na,001\nc,103\nd,9\n")
    assert result.check_result.hints == ()


def test_one_root_cause_is_reported_for_references_too(deliver: Deliver) -> None:
    deliver(PEOPLE, "xid\n001\n")
    strict = degrees(refers("xid", "people", "xid", severity="error"))
    result = deliver(strict, "degree,xid\n" + "".join(f"{n},x{n}\n" for n in range(200)))
    (hint,) = result.check_result.hints
    assert "the same problem: `xid` does not match any row of the feed people." in hint


def test_the_rejection_report_says_what_refers_to_nothing(tmp_path: Path, write: Write) -> None:
    keys = [refers("school", "", "degree", severity="error")]
    options = CheckOptions(max_remembered=10)
    content = write("degree,school\na,b\nb,\nc,z\n")
    with check_received_file(
        content, degrees(*keys), tmp_path, options, DEFAULT_LIMITS, StepTimer(ignore_progress)
    ) as file:
        written = write_report(file, 10, tmp_path)
    assert written
    (row,) = written.csv.read_text(encoding="utf-8").splitlines()[1:]
    assert row == (
        "c,z,3,4,school,foreign-key,`school` does not match any accepted row of this file,"
        '"Include the row that it refers to, free of errors, or correct the value."'
    )


def test_a_file_that_two_others_refer_to_is_checked_once(tmp_path: Path, write: Write) -> None:
    nested = field_map(
        "lists", ["code"], [{"name": "code"}], refers("code", "people", "xid", severity="error")
    )
    for name, content in (("people", "xid\n001\n"), ("lists", "code\n001\n002\n")):
        (tmp_path / f"{name}.csv.other").write_text(content, encoding="utf-8")
    files = {
        feed.name: ReferencedFile(tmp_path / f"{feed.path}.other", feed)
        for feed in (PEOPLE, nested)
    }
    both = degrees(
        refers("school", "lists", "code", severity="error"),
        refers("xid", "people", "xid", severity="error"),
    )
    result = check_file(
        write("degree,school,xid\na,001,001\nb,002,001\n"),
        both,
        reference_sources=FileReferences(files, tmp_path / "references"),
    )
    assert [(error.line, error.column) for error in result.errors] == [(3, "school")]
    assert result.notes[-1] == (
        "In the file for the feed lists, 1 row is rejected by the rules of that feed; no "
        "reference can match there."
    )
