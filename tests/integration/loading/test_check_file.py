"""Checking a file gives the same result as a load, without any server."""

import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pytest

from alumniq_pipelines.checking import staging
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.check_result import MAX_REJECTIONS
from alumniq_pipelines.core.problems.command import UnusableOutput
from alumniq_pipelines.services.file_check import check_file

Write = Callable[[str | bytes], Path]

HEADER = "xid,lastName,visits,born,email,nation\n"


def test_a_clean_file_is_clean(people: FieldMap, write: Write) -> None:
    result = check_file(write(HEADER + "001,Lee,3,1970-05-01,a@b,USA\n002,Roe,,,,\n"), people)
    assert (result.outcome, result.rows_read, result.rows_accepted) == ("clean", 2, 2)
    assert result.errors == ()
    assert result.notes == ()


def test_all_faults_are_found_in_one_pass_with_their_rows_and_lines(
    people: FieldMap, write: Write
) -> None:
    result = check_file(
        write(
            HEADER
            + '1,"Lee\nof York",3,1970-05-01,a@b,USA\n'  # row 1, lines 2 and 3
            + "2,,three,1899-12-31,ab,USA\n"
            + "1,Roe,1,,a@b,USA\n"
            + "4,Poe,1,,c@d\n"
            + "\n"
            + "1234567890,Doe,1,1970-02-30,e@f,FRA\n"
        ),
        people,
    )
    assert result.outcome == "rejected"
    assert (result.rows_read, result.rows_accepted, result.rows_rejected) == (6, 1, 5)
    assert {(error.row, error.line, error.column, error.code) for error in result.errors} == {
        (2, 4, "lastName", "required"),
        (2, 4, "visits", "type"),
        (2, 4, "born", "range"),
        (2, 4, "email", "pattern"),
        (3, 5, "xid", "duplicate-key"),
        (3, 5, "email", "duplicate-value"),
        (4, 6, None, "ragged-row"),
        (5, 7, None, "blank-row"),
        (6, 8, "xid", "length"),
        (6, 8, "born", "type"),
    }
    assert result.errors_total == 10
    assert [error.row for error in result.errors] == sorted(
        error.row or 0 for error in result.errors
    )


def test_a_duplicate_key_names_both_rows(people: FieldMap, write: Write) -> None:
    result = check_file(write(HEADER + '1,"a\nb",,,,\n2,b,,,,\n1,c,,,,\n1,d,,,,\n'), people)
    assert [error.message for error in result.errors] == [
        "The key `xid` duplicates the key of row 1 (line 2)"
    ] * 2
    assert [error.line for error in result.errors] == [5, 6]


def test_an_invalid_value_is_blank_where_its_row_is_accepted(write: Write, tmp_path: Path) -> None:
    """DuckDB alone reads 1.5 as 2, 0x1F as 31 and infinity as the last day of 9999."""
    field_map = FieldMap.model_validate(
        {
            "name": "t",
            "path": "t.csv",
            "schema": {
                "fields": [
                    {"name": "n", "type": "integer", "alumniq": {"severity": "warning"}},
                    {"name": "d", "type": "date", "alumniq": {"severity": "warning"}},
                ]
            },
        }
    )
    output = tmp_path / "out.parquet"
    result = check_file(
        write("n,d\n1.5,infinity\n0x1F,epoch\n1_000,2020-01-02\n0000000000000000000007,\n"),
        field_map,
        output,
    )
    assert (result.outcome, len(result.warnings)) == ("clean", 2)
    found = duckdb.connect().execute(f"FROM '{output}'").fetchall()
    assert found == [(None, None), (None, None), (None, date(2020, 1, 2)), (7, None)]


@pytest.mark.parametrize("key", ["primaryKey", "unique"])
def test_an_invalid_value_is_no_duplicate(write: Write, key: str) -> None:
    column = {"name": "n", "type": "integer", "constraints": {"unique": key == "unique"}}
    schema = {"fields": [column], "primaryKey": ["n"] if key == "primaryKey" else []}
    field_map = FieldMap.model_validate({"name": "t", "path": "t.csv", "schema": schema})
    result = check_file(write("n\n1.5\n2\n 3 \n3\n003\n"), field_map)
    assert {(error.row, error.code.split("-")[0]) for error in result.errors} == {
        (1, "type"),
        (3, "type"),
        (5, "duplicate"),
    }


def test_a_warning_rejects_nothing_and_is_reported(people: FieldMap, write: Write) -> None:
    result = check_file(write(HEADER + "1,Lee,,,,FRA\n2,Roe,,,,FRA\n"), people)
    assert result.outcome == "clean"
    assert [(warning.severity, str(warning)) for warning in result.warnings] == [
        ("warning", "`nation` is not one of the allowed values (2 rows, first on line 2)")
    ]


def test_a_key_is_never_blank_whatever_the_severity_of_its_column(write: Write) -> None:
    lenient = FieldMap.model_validate(
        {
            "name": "t",
            "path": "t.csv",
            "schema": {
                "primaryKey": "a",
                "fields": [{"name": "a", "alumniq": {"severity": "note"}}, {"name": "b"}],
            },
        }
    )
    result = check_file(write("a,b\n,1\n1,2\n"), lenient)
    assert [(error.row, error.code) for error in result.errors] == [(1, "required")]


def test_no_message_contains_the_value_of_a_cell(people: FieldMap, write: Write) -> None:
    rows = "".join(f"SECRET{n:05},SECRET,SECRET,SECRET,SECRET,SECRET\n" for n in (1, 1, 2))
    result = check_file(write(HEADER + rows + "SECRET\n"), people)
    assert result.outcome == "rejected"
    assert "SECRET" not in repr(result)


def test_totals_are_exact_where_details_are_capped(people: FieldMap, write: Write) -> None:
    bad = 3 * MAX_REJECTIONS
    result = check_file(
        write(HEADER + "".join(f"{n},Lee,x,,,\n{n},,1\n" for n in range(bad))), people
    )
    assert result.rows_rejected == result.errors_total == 2 * bad
    assert len(result.errors) == MAX_REJECTIONS
    assert [error.row for error in result.errors] == list(range(1, MAX_REJECTIONS + 1))
    assert {(cause.code, cause.count, cause.first_line) for cause in result.causes} == {
        ("type", bad, 2),
        ("ragged-row", bad, 3),
    }


def test_columns_are_found_by_name_in_any_order(
    people: FieldMap, write: Write, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    result = check_file(
        write("\ufeff LASTNAME,shoe__c,xid,unknown\nLee,42,001,?\n"), people, output
    )
    assert result.outcome == "clean"
    assert output.read_text().splitlines() == [
        "xid,lastName,visits,born,email,nation,shoe__c",
        "001,Lee,0,,,,42",
    ]
    assert len(result.notes) == 3


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";", "^", "~"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_a_file_in_any_delimiter_is_read_as_it_is(
    people: FieldMap, write: Write, delimiter: str, quoting: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["xid", "lastName"], ["1", "a,b;c|d"], ["2", ""]])
    result = check_file(write(text.getvalue()), people)
    assert (result.rows_read, result.rows_rejected) == (2, 1)
    assert result.errors[0].code == "required"


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ("", ["empty-file"]),
        ("\n\n", ["empty-file"]),
        (HEADER, ["no-rows"]),
        (HEADER.strip(), ["no-rows"]),
        ("1,Lee,3\n2,Roe,4\n", ["no-header"]),
        ("Report of today\n" + HEADER + "1,Lee,,,,\n", ["no-header"]),
        ("xid,Last Nam\n1,Lee\n", ["missing-column"]),
        ("xid,lastName,vists\n1,Lee,3\n", ["misspelt-column"]),
        (
            "xid,xid,email,EMAIL\n1,2,3,4\n",
            ["duplicate-column", "duplicate-column", "missing-column"],
        ),
        (HEADER + '1,"Lee,3,,,\n', ["broken-quoting"]),
        ((HEADER + "1,Lee,3,,,\n").encode("utf-16"), ["foreign-format"]),
        ((HEADER + "1,Lee,3,,,\n").encode("utf-16-le"), ["nul-character"]),
        ((HEADER + "1,Lée,3,,,\n").encode("latin-1"), ["not-utf-8"]),
        (b"PK\x03\x04 no list of contents", ["truncated-archive"]),
        (gzip.compress(b"xid,lastName\n1,Lee\n", mtime=0)[:-9], ["truncated-archive"]),
        (b"<!DOCTYPE html><html>", ["foreign-format"]),
        ('{"xid": 1}', ["foreign-format"]),
    ],
)
def test_an_unusable_file_reports_everything_that_is_wrong(
    people: FieldMap, write: Write, content: str | bytes, codes: list[str]
) -> None:
    result = check_file(write(content), people)
    assert result.outcome == "unusable"
    assert sorted(error.code for error in result.errors) == codes
    assert (result.rows_read, result.errors_total) == (0, len(codes))
    assert all(error.row is None and error.message and error.advice for error in result.errors)


def test_accepted_rows_are_written_typed_and_in_order(
    people: FieldMap, write: Write, tmp_path: Path
) -> None:
    path = write(HEADER + "2,b,x,,,\n3,c,07,1970-05-01,,\n1,a,,,,\n")
    output = tmp_path / "out.parquet"
    check_file(path, people, output)
    found = duckdb.connect().execute(f"FROM '{output}'")
    assert [str(column[1]) for column in found.description[:4]] == [
        "VARCHAR",
        "VARCHAR",
        "BIGINT",
        "DATE",
    ]
    assert [row[:3] for row in found.fetchall()] == [("3", "c", 7), ("1", "a", 0)]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.parquet", "people.csv"]


def test_an_output_of_another_kind_is_refused(people: FieldMap, write: Write) -> None:
    with pytest.raises(UnusableOutput):
        check_file(write(HEADER), people, Path("out.xlsx"))


def test_a_file_that_is_not_there_is_no_outage_of_ours(people: FieldMap, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "none.csv", people)


@pytest.mark.parametrize(
    ("row", "outcome"), [("1,a,,,,", "clean"), ("1,,x,2023-02-30,,", "rejected")]
)
def test_a_file_needs_neither_pandas_nor_pandera_unless_a_fault_is_hard_to_tell(
    people: FieldMap, write: Write, row: str, outcome: str
) -> None:
    document = people.model_dump_json(by_alias=True, exclude_defaults=True)
    code = (
        "import sys; from pathlib import Path;"
        "from alumniq_pipelines.services.file_check import check_file;"
        "from alumniq_pipelines.core.feeds.field_map import FieldMap;"
        f"m = FieldMap.model_validate_json({document!r});"
        f"print(check_file(Path({str(write(HEADER + row))!r}), m).outcome,"
        " [n for n in ('pandas', 'pandera', 'pyarrow', 'dagster') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{outcome} []"


def test_a_file_of_ragged_rows_only_is_rejected_row_by_row(people: FieldMap, write: Write) -> None:
    result = check_file(write(HEADER + "1\n2\n"), people)
    assert (result.outcome, result.rows_accepted, result.rows_rejected) == ("rejected", 0, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_at_the_end_are_no_rows(people: FieldMap, write: Write, end: str) -> None:
    text = (HEADER + "1,a,,,,\n2,b,,,,\n\n\n\n").replace("\n", end)
    assert check_file(write(text), people).rows_read == 2


ONE_COLUMN = FieldMap.model_validate(
    {"name": "one", "path": "one.csv", "schema": {"fields": [{"name": "a"}]}}
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_blank_is_a_row_of_a_feed_with_one_column(
    write: Write, tmp_path: Path, end: str
) -> None:
    output = tmp_path / "out.parquet"
    result = check_file(write(f'a{end}1{end}""{end}2{end}{end}'), ONE_COLUMN, output)
    assert (result.outcome, result.rows_read) == ("clean", 3)
    found = duckdb.connect().execute(f"FROM '{output}'").fetchall()
    assert found == [("1",), (None,), ("2",)]


def test_a_long_value_is_read_and_an_endless_one_is_refused(write: Write, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    text = "é\n" * 400_000
    assert check_file(write(f'a\n1\n"{text}"\n2\n'), ONE_COLUMN, output).outcome == "clean"
    (longest,) = duckdb.connect().execute(f"SELECT max(length(a)) FROM '{output}'").fetchall()
    assert longest == (len(text),)
    (error,) = check_file(write(f'a\n1\n"{text * 2}"\n2\n'), ONE_COLUMN).errors
    assert (error.code, error.line) == ("row-too-long", 3)


def test_what_means_blank_is_the_field_maps_choice(write: Write, tmp_path: Path) -> None:
    for blanks, expected in (
        ([""], [(None,), ("NULL",), (" ",)]),
        (["", "NULL", " "], [(None,), (None,), (None,)]),
        (["NULL"], [("",), (None,), (" ",)]),
        ([], [("",), ("NULL",), (" ",)]),
    ):
        document = {"fields": [{"name": "a"}], "missingValues": blanks}
        field_map = FieldMap.model_validate({"name": "t", "path": "t.csv", "schema": document})
        output = tmp_path / "out.parquet"
        check_file(write('a\n""\nNULL\n" "\n'), field_map, output)
        assert duckdb.connect().execute(f"FROM '{output}'").fetchall() == expected


def test_several_files_are_checked_at_the_same_time(people: FieldMap, tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.csv" for n in range(8)]
    for n, path in enumerate(paths):
        path.write_text(HEADER + "".join(f"{k},a,,,,\n" for k in range(n * 50 + 1)) + "x\n" * n)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda path: check_file(path, people), paths))
    assert [(report.rows_accepted, report.rows_rejected) for report in reports] == [
        (n * 50 + 1, n) for n in range(8)
    ]


def test_duplicate_keys_are_reported_in_order_however_many_there_are(
    people: FieldMap, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "DUPLICATES_PER_BATCH", 2)
    keys = ["1", "2", "1", "3", "2", "1", "1", "4"]
    result = check_file(write("xid,lastName\n" + "".join(f"{key},Lee\n" for key in keys)), people)
    assert [(error.row, error.code) for error in result.errors] == [
        (row, "duplicate-key") for row in (3, 5, 6, 7)
    ]
    assert result.errors_total == 4
    assert result.rows_accepted == 4


def test_very_many_blank_lines_at_the_end_are_ignored(people: FieldMap, write: Write) -> None:
    result = check_file(write("xid,lastName\n1,Lee\n" + "\n" * 40_000_000), people)
    assert (result.outcome, result.rows_read) == ("clean", 1)
