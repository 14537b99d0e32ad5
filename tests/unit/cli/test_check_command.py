"""`alumniq check`: exit codes, one JSON object for machines, tables for people."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alumniq_pipelines.cli.main import app

HEADER = "xid,lastName,isMember\n"
Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run `alumniq check` on a file of this content."""

    def run(content: str, *options: str) -> Result:
        path = tmp_path / "warehouse.csv"
        path.write_text(content, encoding="utf-8")
        return CliRunner().invoke(app, ["check", str(path), *(options or ("--feed", "warehouse"))])

    return run


def test_a_clean_file_exits_with_0(check: Check) -> None:
    done = check(HEADER + "001,Lee,1\n")
    assert done.exit_code == 0
    assert "Clean: all 1 rows of warehouse.csv are accepted." in done.stdout


def test_rejected_rows_exit_with_1_and_are_shown(check: Check) -> None:
    done = check(HEADER + "001,Lee,1\n001,[bold]Roe[/bold],yes\n")
    assert done.exit_code == 1
    assert "Rejected: 1 of 2 rows of warehouse.csv are rejected; 1 are accepted." in done.stdout
    assert "duplicate-key" in done.stdout
    assert "Roe" not in done.stdout


def test_an_unusable_file_exits_with_2_and_every_fault_of_its_header(check: Check) -> None:
    done = check("xid2,lastName\n1,2\n")
    assert done.exit_code == 2
    assert "Unusable: warehouse.csv cannot be loaded." in done.stdout
    assert "The file has no column `xid`." in done.stdout


def test_json_is_one_object_with_the_keys_that_machines_rely_on(check: Check) -> None:
    done = check(HEADER + "001,Lee,1\n001,Roe,yes\n", "--feed", "warehouse", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["outcome"] == "rejected"
    assert (found["rows_read"], found["rows_accepted"], found["rows_rejected"]) == (2, 1, 1)
    assert found["errors_total"] == 2
    assert found["live"] is None
    assert [
        (error["row"], error["line"], error["column"], error["code"]) for error in found["errors"]
    ] == [(2, 3, "isMember", "type"), (2, 3, "xid", "duplicate-key")]
    assert all(error["message"] and error["advice"] for error in found["errors"])


def test_json_separates_warnings_and_notes_from_rejections(check: Check) -> None:
    rows = "001,Lee,jane@example,Oz\n002,Roe,jane@example,USA\n"
    header = "xid,lastName,emailAddress,nation,shoeSize\n"
    done = check(header + rows.replace("\n", ",7\n"), "--feed", "warehouse", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["errors"], found["causes"]) == ([], [])
    (warning,) = found["warnings"]
    assert {key: warning[key] for key in ("code", "column", "count", "first_line")} == {
        "code": "reference",
        "column": "emailAddress",
        "count": 2,
        "first_line": 2,
    }
    assert warning["message"] == "`emailAddress` is not an e-mail address"
    assert warning["advice"].startswith("Send one address")
    *of_file, note = found["notes"]
    assert any("shoeSize" in warning["message"] for warning in of_file)
    assert {(warning["code"], warning["first_line"]) for warning in of_file} == {("file", None)}
    assert (note["column"], note["count"]) == ("nation", 1)


def test_people_read_warnings_and_notes_under_headings_of_their_own(check: Check) -> None:
    header = "xid,lastName,emailAddress,nation\n"
    done = check(header + "001,Lee,jane@example,Oz\n", "--feed", "warehouse")
    assert done.exit_code == 0
    clean, warnings, notes = (
        done.stdout.index(text) for text in ("Clean:", "Warnings: these", "Notes: these")
    )
    assert clean < warnings < notes
    assert "`emailAddress`" in done.stdout[warnings:notes]
    assert "Send one address" in done.stdout[warnings:notes]
    assert "`nation`" in done.stdout[notes:]


def test_json_reports_an_unusable_file_too(check: Check) -> None:
    done = check("", "--feed", "warehouse", "--json")
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert found["outcome"] == "unusable"
    assert [error["code"] for error in found["errors"]] == ["empty-file"]


def test_a_field_map_of_ones_own_is_used(check: Check, tmp_path: Path) -> None:
    field_map = tmp_path / "short.yaml"
    field_map.write_text(
        "name: short\npath: short.csv\nschema:\n  fields:\n  - name: a\n", encoding="utf-8"
    )
    assert check("a\n1\n", "--field-map", str(field_map)).exit_code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--json",),
        ("--feed", "warehouse", "--field-map", __file__),
        ("--feed", "wearhouse"),
        ("--feed", "warehouse", "--output", "rows.xlsx"),
    ],
)
def test_a_problem_is_printed_on_stderr_with_exit_2(check: Check, options: tuple[str, ...]) -> None:
    done = check(HEADER, *options)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr


def test_accepted_rows_are_written_as_they_would_be_published(check: Check, tmp_path: Path) -> None:
    output = tmp_path / "rows.csv"
    done = check(HEADER + "001,Lee,\n,Roe,1\n", "--feed", "warehouse", "--output", str(output))
    assert done.exit_code == 1
    lines = output.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("xid,xid2,prefix,firstName")
    assert lines[1].split(",")[0] == "001"
    assert lines[1].split(",")[-2:] == ["0", ""]


def test_many_causes_are_summed_up(check: Check) -> None:
    done = check(HEADER + "".join(f"{n},Lee,x\n" for n in range(1_200)))
    assert "1,200" in done.stdout
    assert "1,180 more; use --json to list the first 1,000." in done.stdout
