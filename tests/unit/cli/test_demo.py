from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from alumniq_pipelines.cli.demo.display import Row, live, table
from alumniq_pipelines.cli.demo.receiver import run_receiver
from alumniq_pipelines.cli.demo.stage import clear, demo_settings
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.problems.setup import NotADemoFolder
from alumniq_pipelines.settings import Settings, child_environment

JOB = "F6494FE4-8642-4F2E-A87DF336916CC246"


def row(state: str, *, is_notified: bool = False) -> Row:
    return Row(
        feed="warehouse-designations",
        job_id=JOB,
        state=state,
        counts=Counts(50_000, 49_995, 5),
        seconds=9.04,
        is_notified=is_notified,
    )


def test_the_demo_has_one_host_whatever_a_dotenv_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its programs read that file too, and an empty variable would not count against it."""
    monkeypatch.chdir(tmp_path)
    urls = "ALUMNIQ_PUBLIC_URL=https://a.example\nALUMNIQ_QA_PUBLIC_URL=https://qa-a.example\n"
    (tmp_path / ".env").write_text(urls)
    settings = demo_settings(tmp_path)
    for name, value in child_environment(settings).items():
        monkeypatch.setenv(name, value)
    own = PublicUrls.shared(f"http://127.0.0.1:{settings.gateway_port}")
    assert Settings().public_urls == settings.public_urls == own


def test_an_empty_folder_becomes_the_demos_and_is_emptied_the_next_time(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path)
    clear(settings)
    (tmp_path / "ledger.db").touch()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "warehouse.csv").touch()
    (tmp_path / "up.lock").touch()
    clear(settings)
    assert {path.name for path in tmp_path.iterdir()} == {".made-by-alumniq-demo", "up.lock"}


def test_a_link_in_the_demos_folder_is_not_followed(tmp_path: Path) -> None:
    remaining, folder = tmp_path / "elsewhere", tmp_path / "demo"
    remaining.mkdir()
    (remaining / "thesis.txt").touch()
    folder.mkdir()
    settings = demo_settings(folder)
    clear(settings)
    (folder / "link").symlink_to(remaining)
    clear(settings)
    assert (remaining / "thesis.txt").exists()
    assert not (folder / "link").exists()


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(NotADemoFolder):
        clear(demo_settings(tmp_path))
    assert (tmp_path / "thesis.txt").exists()


def test_the_demo_is_embedded_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALUMNIQ_BUCKET", "s3")
    monkeypatch.setenv("ALUMNIQ_MAIL", "smtp")
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", "postgresql+psycopg://elsewhere/ledger")
    settings = demo_settings(tmp_path)
    assert (settings.bucket, settings.mail) == ("folder", "folder")
    assert settings.ledger == f"sqlite:///{tmp_path / 'ledger.db'}"
    assert settings.gateway_port != settings.dagster_port


def test_the_table_of_loads_fits_into_80_columns_with_nothing_cut() -> None:
    written = StringIO()
    Console(file=written, width=80).print(table([row("succeeded", is_notified=True)]))
    shown = written.getvalue()
    for part in ("warehouse-designations", JOB, "succeeded", "yes", "50,000", "9.0"):
        assert part in shown


def test_without_a_terminal_each_new_state_is_one_line() -> None:
    written = StringIO()
    with live(Console(file=written, width=80)) as show:
        for state in ("queued", "queued", "running", "succeeded", "succeeded"):
            show([row(state)])
        show([row("succeeded", is_notified=True)])
    assert [line.split()[2:] for line in written.getvalue().splitlines()] == [
        ["queued"],
        ["running"],
        ["succeeded"],
        ["succeeded,", "notified"],
    ]


def test_the_receiver_records_every_callback_as_it_came() -> None:
    body = f'{{"jobId": "{JOB}",  "status": "SUCCESS"}}'.encode()
    with run_receiver() as receiver:
        for _ in range(2):
            assert httpx.post(receiver.url, content=body, trust_env=False).status_code == 204
    assert [callback.body for callback in receiver.callbacks[JOB]] == [body, body]
