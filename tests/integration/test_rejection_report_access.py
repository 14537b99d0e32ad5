"""A rejection report is available in full to the customer of the load, and to no one else."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.cli.installation import operator
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.check_result import Counts, Rejection
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord
from alumniq_pipelines.core.loads.rejection_report import (
    MAX_SHEET_ROWS,
    ReportFormat,
    ReportSummary,
    report_name,
    summary_name,
)
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.wiring import open_archive
from tests.page_visits import accept_load, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation, errors
from tests.small_reports import write_small_report

ROWS = [["xid", "_row"], ["=007 private", "2"]]
CSV = b"xid,_row\r\n=007 private,2\r\n"


def archive_report(archive: Archive, job_id: JobId, folder: Path, rows: int = 1) -> None:
    csv, xlsx, summary = folder / "a.csv", folder / "a.xlsx", folder / "a.json"
    write_small_report(csv, xlsx, ROWS)
    first = Rejection(
        row=2,
        line=3,
        column="xid",
        code="length",
        message="`xid` is too long",
        advice="Send at most 9 characters.",
    )
    summary.write_bytes(ReportSummary(rows, rows, (first,)).to_json())
    archive.put(report_name(job_id, ReportFormat.CSV), csv)
    archive.put(report_name(job_id, ReportFormat.XLSX), xlsx)
    archive.put(summary_name(job_id), summary)


@pytest.fixture
def job_id(client: TestClient, caller: Caller, installation: Installation, tmp_path: Path) -> JobId:
    """Create a load that rejected a row, with its report."""
    found = accept_load(client, caller)
    [load] = installation.loads()
    begun = installation.ledger.attempts.begin(load, "run-1", NOW)
    assert begun
    installation.ledger.attempts.end(
        found,
        begun.number,
        AttemptResult.REFUSED,
        NOW,
        errors=("No.",),
        check=CheckRecord(counts=Counts(2, 1, 1)),
    )
    archive_report(open_archive(installation.settings), found, tmp_path)
    return found


def call_api(client: TestClient, caller: Caller, path: str) -> Any:
    return client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {caller.key}"})


def test_the_api_returns_the_report_as_it_is_stored(
    client: TestClient, caller: Caller, job_id: JobId, tmp_path: Path
) -> None:
    answer = call_api(client, caller, f"/loads/{job_id}/report")
    assert answer.content == CSV
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"warehouse-{job_id}-rejected.csv" in answer.headers["content-disposition"]
    book = tmp_path / "book.xlsx"
    book.write_bytes(call_api(client, caller, f"/loads/{job_id}/report?format=xlsx").content)
    assert openpyxl.load_workbook(book)["Rejected rows"]["A2"].data_type == "s"


def test_another_format_and_a_load_without_report_are_refused_with_reason(
    client: TestClient, caller: Caller, job_id: JobId
) -> None:
    assert call_api(client, caller, f"/loads/{job_id}/report?format=pdf").status_code == 400
    other = accept_load(client, caller)
    answer = call_api(client, caller, f"/loads/{other}/report")
    assert answer.status_code == 404
    assert "no rejection report" in errors(answer)[0]


def test_no_copy_of_a_report_is_left_behind(
    client: TestClient,
    caller: Caller,
    job_id: JobId,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(copies))
    sign_in(client, caller.key)
    for path in (f"/loads/{job_id}", f"/loads/{job_id}/report.csv", f"/loads/{job_id}/report.xlsx"):
        assert client.get(path).status_code == 200
    assert not list(copies.iterdir())


def test_the_load_page_shows_the_first_rejections_without_values_and_links_to_the_report(
    client: TestClient, caller: Caller, job_id: JobId
) -> None:
    sign_in(client, caller.key)
    text = client.get(f"/loads/{job_id}").text
    assert "is too long" in text
    assert "Send at most 9 characters." in text
    assert "private" not in text
    for form in ReportFormat:
        assert f'href="/loads/{job_id}/report.{form}"' in text
    assert client.get(f"/loads/{job_id}/report.csv").content == CSV
    assert client.get(f"/loads/{job_id}/report.pdf").status_code == 404


@pytest.mark.parametrize("rows", [MAX_SHEET_ROWS, MAX_SHEET_ROWS + 1])
def test_the_load_page_says_where_the_workbook_lists_fewer_rows(
    client: TestClient,
    caller: Caller,
    installation: Installation,
    job_id: JobId,
    tmp_path: Path,
    rows: int,
) -> None:
    archive_report(open_archive(installation.settings), job_id, tmp_path, rows)
    sign_in(client, caller.key)
    text = client.get(f"/loads/{job_id}").text
    assert ("(the first 1,000 rows)" in text) == (rows > MAX_SHEET_ROWS)


def test_staff_fetch_the_report_of_the_customer_in_view(
    client: TestClient, installation: Installation, job_id: JobId
) -> None:
    sign_in_as_staff(client, installation)
    assert client.get(f"/loads/{job_id}").status_code == 200
    assert client.get(f"/loads/{job_id}/report.csv").content == CSV


def reads_recorded(installation: Installation) -> list[tuple[object, ...]]:
    """Return the audit entries of reports that were read."""
    columns = audit.c.actor, audit.c.subject, audit.c.detail
    query = select(*columns).where(audit.c.action == "rejection report read").order_by(audit.c.id)
    with installation.ledger.database.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_report_that_staff_fetch_is_in_the_audit_trail_and_a_customers_own_is_not(
    client: TestClient, caller: Caller, installation: Installation, job_id: JobId
) -> None:
    sign_in(client, caller.key)
    assert client.get(f"/loads/{job_id}/report.csv").content == CSV
    assert call_api(client, caller, f"/loads/{job_id}/report").content == CSV
    assert reads_recorded(installation) == []
    client.cookies.clear()
    sign_in_as_staff(client, installation)
    assert client.get(f"/loads/{job_id}").status_code == 200
    assert reads_recorded(installation) == []
    assert client.get(f"/loads/{job_id}/report.csv").content == CSV
    [(actor, subject, detail)] = reads_recorded(installation)
    assert (str(actor).split()[0], subject) == ("staff", job_id)
    assert detail == {"target": "iqu/qa/warehouse", "format": "csv"}


def test_a_report_that_cannot_be_recorded_is_not_given_to_staff(
    client: TestClient,
    installation: Installation,
    job_id: JobId,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_in_as_staff(client, installation)
    assert client.get(f"/loads/{job_id}").status_code == 200
    with installation.ledger.database.writing() as connection:
        connection.execute(text("alter table audit rename to audit_elsewhere"))
    answer = client.get(f"/loads/{job_id}/report.csv")
    assert answer.status_code == 503
    assert b"private" not in answer.content
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(installation.settings.data_dir))
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", installation.settings.ledger)
    output = tmp_path / "out.csv"
    assert CliRunner().invoke(app, ["load", "report", job_id, "--output", str(output)]).exit_code
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("environment", [None, Environment.PRODUCTION])
def test_another_customer_gets_the_same_response_as_for_an_unknown_load(
    client: TestClient, installation: Installation, job_id: JobId, environment: Environment | None
) -> None:
    stranger = (
        installation.customer("wwu")
        if environment is None
        else installation.caller("iqu", environment)
    )
    never = "00000000-0000-0000-0000000000000000"
    for query in ("", "?format=xlsx"):
        foreign = call_api(client, stranger, f"/loads/{job_id}/report{query}")
        unknown = call_api(client, stranger, f"/loads/{never}/report{query}")
        assert foreign.status_code == unknown.status_code == 404
        assert errors(foreign) == errors(unknown)
    client.cookies.clear()
    signed_out = client.get(f"/loads/{job_id}/report.csv")
    assert CSV not in signed_out.content
    sign_in(client, stranger.key)
    for form in ReportFormat:
        foreign = client.get(f"/loads/{job_id}/report.{form}")
        assert foreign.status_code == 404
        assert foreign.text == client.get(f"/loads/{never}/report.{form}").text


def test_the_command_writes_the_report_or_says_why_not(
    client: TestClient,
    caller: Caller,
    installation: Installation,
    job_id: JobId,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(installation.settings.data_dir))
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", installation.settings.ledger)
    output = tmp_path / "out.csv"

    def alumniq(job: str, name: str) -> int:
        words = ["load", "report", job, "--output", str(tmp_path / name)]
        return CliRunner().invoke(app, words).exit_code

    assert alumniq(job_id.lower(), "out.csv") == 0
    assert output.read_bytes() == CSV
    assert alumniq(job_id, "out.XLSX") == 0
    assert alumniq(job_id, "out.pdf") != 0
    assert alumniq("nonsense", "out.csv") != 0
    assert alumniq(accept_load(client, caller), "out.csv") != 0
    assert output.read_bytes() == CSV
    assert not list(tmp_path.glob(".out*"))
    assert reads_recorded(installation) == [
        (operator(), job_id, {"target": "iqu/qa/warehouse", "format": form})
        for form in ("csv", "xlsx")
    ]


def test_a_summary_is_read_as_it_was_written() -> None:
    summary = ReportSummary(
        3,
        2,
        (Rejection(row=1, line=2, column=None, code="blank-row", message="The line is blank"),),
    )
    assert ReportSummary.from_json(summary.to_json()) == summary
    assert set(json.loads(summary.to_json())) == {"rows_rejected", "rows_listed", "first"}
