"""The rejection report has the rejected rows as sent, ready to be corrected and sent back."""

import csv
import logging
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBucket
from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.checking.check import CheckOptions, check_received_file
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS
from alumniq_pipelines.checking.rejection_report import WrittenReport, write_report
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.rejection_report import (
    MAX_SHEET_ROWS,
    REPORT_COLUMNS,
    ReportFormat,
    ReportSummary,
    report_key,
    report_name,
    summary_name,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.samples.files import write_warehouse
from alumniq_pipelines.services.file_check import check_file
from alumniq_pipelines.services.load import run_load
from alumniq_pipelines.services.load_files import LoadFile
from alumniq_pipelines.settings import REPOSITORY
from tests.integration.loading.installation import NOW

Write = Callable[[str | bytes], Path]
Report = Callable[..., WrittenReport]

HEADER = "xid,LastName ,visits,born,email,nation\n"


@pytest.fixture
def report(people: FieldMap, tmp_path: Path, write: Write) -> Report:
    """Return a function that checks a file and writes its report."""

    def written(content: str | bytes, max_rows: int = 100) -> WrittenReport:
        found = write_rejection_report(write(content), people, tmp_path, max_rows)
        assert found is not None
        return found

    return written


def write_rejection_report(
    path: Path, field_map: FieldMap, folder: Path, max_rows: int
) -> WrittenReport | None:
    options = CheckOptions(max_remembered=max_rows)
    with check_received_file(
        path, field_map, folder, options, DEFAULT_LIMITS, StepTimer(ignore_progress)
    ) as file:
        return write_report(file, max_rows, folder)


def rows_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def fixed(path: Path, values: Sequence[str]) -> str:
    """Return a report with other values in its only row."""
    header, row = rows_of(path)[:2]
    own = len(header) - len(REPORT_COLUMNS)
    out = StringIO()
    csv.writer(out).writerows([header, [*values, *row[own : len(header)]]])
    return out.getvalue()


def test_a_rejected_row_is_reported_as_sent_with_all_its_faults_on_one_line(
    report: Report,
) -> None:
    header, row = rows_of(report(HEADER + "1,A,1,,,\n 007,,x,1970-13-01,,\n").csv)
    assert header == ["xid", "LastName ", "visits", "born", "email", "nation", *REPORT_COLUMNS]
    assert row[:6] == [" 007", "", "x", "1970-13-01", "", ""]
    assert row[6:10] == ["2", "3", "lastName | visits | born", "required | type | type"]
    assert [len(report_cells.split(" | ")) for report_cells in row[10:]] == [3, 3]


def test_the_report_of_a_made_up_file_has_exactly_the_planted_rows(tmp_path: Path) -> None:
    field_map = read_field_map(REPOSITORY / "schemas" / "warehouse.yaml")
    path = tmp_path / "warehouse.csv"
    planted = write_warehouse(path, field_map, 2_000, bad_every=20)
    written = write_rejection_report(path, field_map, tmp_path, 1_000)
    assert written is not None
    header, *rows = rows_of(written.csv)
    own = len(header) - len(REPORT_COLUMNS)
    sent = rows_of(path)
    assert header[:own] == sent[0]
    report_cells = [tuple(row[own : own + 4]) for row in rows]
    assert report_cells == [
        (str(fault.row), str(fault.line), fault.column or "", fault.code) for fault in planted
    ]
    for row, fault in zip(rows, planted, strict=True):
        values = sent[fault.row]
        assert row[:own] == [*values, *[""] * (own - len(values))]


@pytest.mark.parametrize("delimiter", ["|", "\t", ";"])
def test_quotes_line_ends_and_delimiters_inside_values_come_through(
    report: Report, write: Write, people: FieldMap, delimiter: str
) -> None:
    name = f'O"Neil{delimiter} "a"\r\nb\nc\rd'
    quoted = name.replace('"', '""')
    rows = f'1{delimiter}"{quoted}"{delimiter}x{delimiter}extra\n'
    written = report(f"xid{delimiter}lastName{delimiter}visits{delimiter}shoe__c\n{rows}")
    header, row = rows_of(written.csv, delimiter)
    assert header[:4] == ["xid", "lastName", "visits", "shoe__c"]
    assert row[:6] == ["1", name, "x", "extra", "1", "2"]
    again = check_file(write(written.csv.read_bytes()), people)
    assert [error.code for error in again.errors] == ["type"]


def test_a_corrected_report_is_clean_and_says_what_was_left_out(
    report: Report, write: Write, people: FieldMap
) -> None:
    written = report(HEADER + "1,Lee,x,,,\n")
    found = check_file(write(fixed(written.csv, ["1", "Lee", "3", "", "", ""])), people)
    assert found.outcome == "clean"
    assert found.rows_accepted == 1
    assert any("rejection report" in note for note in found.notes)


def test_a_report_of_a_report_has_the_columns_once(report: Report, tmp_path: Path) -> None:
    first = report(HEADER + "1,Lee,x,,,\n").csv.read_bytes()
    (tmp_path / "report.csv").unlink()
    assert rows_of(report(first).csv) == list(csv.reader(StringIO(first.decode(), newline="")))


def test_report_columns_in_another_position_are_not_recognised(
    write: Write, people: FieldMap
) -> None:
    names = ",".join([*REPORT_COLUMNS, "xid", "lastName"])
    found = check_file(write(f"{names}\n1,2,c,d,e,f,1,Lee\n"), people)
    assert not any("rejection report" in note for note in found.notes)


@pytest.mark.parametrize(
    ("sent", "values", "behind", "codes"),
    [
        # In its report, it gets an empty value more than the header has columns: it stays ragged.
        ("1,Lee", ["1", "Lee", "", "", "", ""], [""], ("ragged-row", "trailing-delimiter")),
        ("1,Lee,3,,,,a,b", ["1", "Lee", "3", "", "", ""], ["a", "b"], ("ragged-row",) * 2),
        ("1,Lee,3,,,,", ["1", "Lee", "3", "", "", ""], [""], ("trailing-delimiter",) * 2),
    ],
)
def test_a_ragged_row_loses_nothing_and_is_accepted_only_once_it_is_corrected(
    report: Report,
    write: Write,
    people: FieldMap,
    sent: str,
    values: list[str],
    behind: list[str],
    codes: tuple[str, str],
) -> None:
    written = report(f"{HEADER}{sent}\n2,Roe,1,,,\n")
    _, row = rows_of(written.csv)
    assert row[:6] == values
    assert row[9] == codes[0]
    assert row[12:] == behind
    again = check_file(write(written.csv.read_bytes()), people)
    assert [error.code for error in again.errors] == [codes[1]]
    assert check_file(write(fixed(written.csv, values)), people).outcome == "clean"


def test_blank_rows_and_duplicate_keys_are_reported_with_their_lines(report: Report) -> None:
    _, blank, repeat = rows_of(report(HEADER + '1,"a\nb",,,,\n\n1,Lee,,,,\n').csv)
    assert blank[6:10] == ["2", "4", "", "blank-row"]
    assert repeat[6:9] == ["3", "5", "xid"]
    assert "row 1 (line 2)" in repeat[10]


def test_the_first_rejected_rows_of_the_file_are_listed_whatever_their_faults(
    report: Callable[[str, int], WrittenReport],
) -> None:
    rows = "".join(f"{row},{'' if row % 2 else 'Lee'},x,,,\n" for row in range(1, 1_501))
    written = report(HEADER + rows, 750)
    assert [row[6] for row in rows_of(written.csv)[1:]] == [str(row) for row in range(1, 751)]
    assert (written.summary.rows_rejected, written.summary.rows_listed) == (1_500, 750)
    assert len(written.summary.first) == 20
    note = openpyxl.load_workbook(written.xlsx)["Note"]["A1"].value
    assert isinstance(note, str)
    assert note.startswith("This workbook contains the first 750 of 1,500")


def test_a_workbook_has_text_only(report: Report) -> None:
    values = [
        '=HYPERLINK("http://x.example")',
        "+1",
        "-1",
        "@a",
        "{=1}",
        "http://x.example",
        "\x07",
    ]
    rows = "".join(f'1,"{value.replace(chr(34), chr(34) * 2)}",x,,,\n' for value in values)
    sheet = openpyxl.load_workbook(report(HEADER + rows).xlsx)["Rejected rows"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert not [cell for cell in cells if cell.hyperlink]
    assert [sheet.cell(row_number, 2).value for row_number in range(2, 8)] == values[:6]


def test_a_workbook_has_the_first_rows_and_a_note_about_the_others(report: Report) -> None:
    count = MAX_SHEET_ROWS + 3
    rows = "".join(f'{number},Lee,"x\n",,,\r\n' for number in range(count))
    written = report(HEADER + rows, max_rows=count)
    assert written.summary.rows_listed == count
    assert written.summary.rows_of_sheet == MAX_SHEET_ROWS
    csv_rows = rows_of(written.csv)
    own = HEADER.count(",") + 1
    assert len(csv_rows) == count + 1
    assert csv_rows[-1][:own] == [str(count - 1), "Lee", "x\n", "", "", ""]
    assert csv_rows[-1][own : own + 2] == [str(count), str(2 * count)]
    book = openpyxl.load_workbook(written.xlsx)
    assert [cell.value for cell in list(book["Rejected rows"].rows)[-1]] == [
        value or None for value in csv_rows[MAX_SHEET_ROWS]
    ]
    assert book["Note"]["A1"].value.startswith(
        "This workbook contains the first 1,000 of 1,003 rejected rows."
    )


def test_a_value_longer_than_excel_takes_is_whole_in_the_csv_report(report: Report) -> None:
    written = report(f"{HEADER}1,{'y' * 200_000},x,,,\n")
    assert len(rows_of_long(written.csv)[1][1]) == 200_000
    sheet = openpyxl.load_workbook(written.xlsx)["Rejected rows"]
    assert len(str(sheet["B2"].value)) == 32_767


def rows_of_long(path: Path) -> list[list[str]]:
    return [parse_record(line, ",", '"') for line in path.read_text().splitlines()]


def test_a_clean_file_has_no_report(people: FieldMap, tmp_path: Path, write: Write) -> None:
    assert write_rejection_report(write(HEADER + "1,Lee,,,,\n"), people, tmp_path, 100) is None


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"), max_size=9
)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(TEXT, min_size=1, max_size=6))
def test_whatever_a_value_is_it_comes_back_as_it_was_sent(
    people: FieldMap, tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["xid", "lastName", "visits"])
        writer.writerows([str(row), name, "x"] for row, name in enumerate(names))
    first = write_rejection_report(path, people, folder, 100)
    assert first is not None
    assert [row[1] for row in rows_of(first.csv)[1:]] == names
    path.write_bytes(first.csv.read_bytes())
    again = write_rejection_report(path, people, folder, 100)
    assert again is not None
    assert [row[1] for row in rows_of(again.csv)[1:]] == names


@pytest.mark.parametrize(("max_rejected", "dry_run"), [(0, False), (9, False), (9, True)])
def test_every_load_with_rejections_stores_its_report_here_and_in_the_bucket(
    people: FieldMap, tmp_path: Path, max_rejected: int, *, dry_run: bool
) -> None:
    job = loaded(people, tmp_path, max_rejected, dry_run=dry_run)
    archive = tmp_path / "archive"
    [_, row] = rows_of(archive / report_name(job, ReportFormat.CSV))
    assert row[0] == "2"
    target = Target("iqu", Environment.QA, "people")
    assert report_key(target, job) == f"qa/warehouse/reports/people/{job}.csv"
    assert (tmp_path / "bucket" / report_key(target, job)).read_bytes() == (
        archive / report_name(job, ReportFormat.CSV)
    ).read_bytes()
    summary = ReportSummary.from_json((archive / summary_name(job)).read_bytes())
    assert [(rejection.row, rejection.column) for rejection in summary.first] == [(2, "visits")]
    assert openpyxl.load_workbook(archive / report_name(job, ReportFormat.XLSX))


def test_a_bucket_that_takes_no_report_fails_no_load(
    people: FieldMap, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "bucket" / "qa" / "warehouse"
    folder.mkdir(parents=True)
    (folder / "reports").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        job = loaded(people, tmp_path, 9, dry_run=False)
    assert (tmp_path / "archive" / report_name(job, ReportFormat.CSV)).exists()
    assert "could not be put into the customer's bucket" in caplog.text
    assert str(tmp_path) not in caplog.text


def loaded(people: FieldMap, folder: Path, max_rejected: int, *, dry_run: bool) -> JobId:
    delivered = folder / "bucket" / "qa" / "warehouse" / "people.csv"
    delivered.parent.mkdir(parents=True, exist_ok=True)
    delivered.write_text(HEADER + "1,Lee,3,,,\n2,Roe,x,,,\n")
    target = Target("iqu", Environment.QA, "people")
    request = LoadRequest(JobId("job-1"), target, "people.csv", None, None, dry_run=dry_run)
    load = Load(1, request, LoadState.RUNNING, 1, NOW)
    bucket = FolderBucket(folder / "bucket", settle_seconds=0)
    run_load(
        LoadFile(load=load, bucket=bucket, archive=FolderArchive(folder / "archive")),
        people,
        DuckDBWarehouse(folder / "warehouse"),
        folder / "scratch",
        max_rejected=max_rejected,
        now=NOW,
        report_rows=100,
    )
    return load.job_id


def test_a_repeated_key_names_the_line_of_its_first_row_even_if_that_was_accepted(
    report: Report,
) -> None:
    content = HEADER + '1,"L\nee",,,,\n2,,,,,\n1,Roe,,,,\n2,Poe,,,,\n1,Doe,,,,\n'
    report_cells = [row[-6:-1] for row in rows_of(report(content, max_rows=3).csv)[1:]]
    repeated = "The key `xid` duplicates the key of row {} (line {})"
    assert report_cells == [
        ["2", "4", "lastName", "required", "`lastName` is blank"],
        ["3", "5", "xid", "duplicate-key", repeated.format(1, 2)],
        ["4", "6", "xid", "duplicate-key", repeated.format(2, 4)],
    ]
