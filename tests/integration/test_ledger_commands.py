"""The commands that read and change the ledger, as people and scripts call them."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.cli import installation
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from alumniq_pipelines.core.problems.delivery import explain_call
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from tests.postgres_databases import Database
from tests.servers.postgres import PostgresServer

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ERROR = "The column [email] holds no addresses (2 rows, first on line 3)"
RECORDED = f"{ERROR} {live_sentence(LiveData.NONE)}"
"""As it is recorded, with what was live then."""
UNAVAILABLE = str(explain_call("HTTP 503"))
COUNTS = Counts(50_000, 49_998, 2)


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def ledger(data_dir: Path) -> Iterator[Ledger]:
    alumniq("customer", "add", "iqu", "--name", "IQ [U] University")
    with closing(Ledger.open(f"sqlite:///{data_dir / 'ledger.db'}")) as opened:
        yield opened


@pytest.fixture
def failed(ledger: Ledger) -> Load:
    """Return a load that failed in its second attempt, with one of two notices delivered."""
    request = LoadRequest(
        job_id=new_job_id(),
        target=Target("iqu", Environment.QA, "warehouse"),
        filename="warehouse.csv",
        etag="e1",
        size_bytes=123_456,
        notify_email="ada@iqu.example",
        notify_webhook="https://iqu.example/done",
    )
    load = ledger.loads.accept(request, NOW)
    launch = ledger.queue.request(load, NOW + SECOND)
    assert launch
    for second in (2, 3):
        ledger.attempts.begin(load, f"run-{second}", NOW + second * SECOND, launch=launch)
    refused, ended_at = AttemptResult.REFUSED, NOW + 5 * SECOND
    check = CheckRecord(counts=COUNTS)
    ledger.attempts.end(load.job_id, 2, refused, ended_at, errors=[RECORDED], check=check)
    notices = [
        Notice(Channel.CALLBACK, request.notify_webhook, "{}", audience=Audience.CUSTOMER),
        Notice(
            Channel.MAIL, request.notify_email, "It failed.", "Failed", audience=Audience.CUSTOMER
        ),
    ]
    ledger.loads.end(load.job_id, Outcome(LoadState.FAILED, (RECORDED,), COUNTS), notices, ended_at)
    results = (
        DeliveryResult(delivered=False, detail="HTTP 503"),
        DeliveryResult(delivered=True, detail="250"),
    )
    claimed = ledger.notifications.claim(ended_at, timedelta(minutes=1))
    for notification, result in zip(claimed, results, strict=True):
        ledger.notifications.record(notification, result, ended_at + SECOND)
    return load


def another_request(target: Target) -> LoadRequest:
    return LoadRequest(
        job_id=new_job_id(), target=target, filename="w.csv", etag=None, size_bytes=None
    )


def alumniq(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result


def run_json(*arguments: str) -> Any:
    return json.loads(alumniq(*arguments, "--json").stdout)


def test_adding_a_customer_creates_a_bucket_and_prints_the_next_step(data_dir: Path) -> None:
    output = alumniq("customer", "add", "iqu", "--name", "IQ [U] University").stdout
    folder = data_dir / "buckets" / "alumniq-iqu"
    assert folder.is_dir()
    assert f"{folder / 'qa' / 'warehouse'}/" in output
    assert "alumniq key issue iqu qa" in output
    assert "IQ [U] University" in alumniq("customer", "list").stdout


def test_a_customer_may_have_a_bucket_of_another_name(data_dir: Path) -> None:
    added = run_json("customer", "add", "iqu", "--name", "IQ University", "--bucket", "iqu-drop")
    assert (data_dir / "buckets" / "iqu-drop").is_dir()
    assert added["folders"]["production"].endswith("/iqu-drop/production/warehouse/")
    expected = {"id": "iqu", "name": "IQ University", "bucket": "iqu-drop"}
    assert run_json("customer", "list") == [expected]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["customer", "add", "iqu", "--name", "x"], "already"),
        (["customer", "add", "zed", "--name", "x", "--bucket", "alumniq-iqu"], "another customer"),
        (
            ["customer", "add", "zed", "--name", "x", "--bucket", "../zed"],
            "is not a valid bucket name",
        ),
        (["customer", "add", "Zed", "--name", "x"], "is not a valid customer id"),
        (["key", "issue", "zed", "qa"], "alumniq customer add zed"),
        (["key", "revoke", "aq_test_none"], "alumniq key list"),
        (["load", "show", "nothing"], "alumniq load list"),
        (["notification", "show", "nothing"], "alumniq notification list"),
        (["notification", "resend", "nothing"], "alumniq notification list"),
    ],
)
def test_a_problem_is_one_line_on_stderr_and_exit_code_2(
    arguments: list[str], message: str
) -> None:
    result = alumniq(*arguments, code=2)
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_ledger_that_cannot_be_used_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", "mysql://ada:secret@host/ledger")
    result = alumniq("load", "list", code=2)
    assert "ALUMNIQ_LEDGER_URL" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("noun", ["customer", "key", "load", "notification"])
def test_lists_of_a_new_installation_are_empty(noun: str) -> None:
    assert run_json(noun, "list") == []
    assert alumniq(noun, "list").stdout.startswith("No ")


def test_a_key_is_shown_once_and_opens(ledger: Ledger) -> None:
    secret = alumniq("key", "issue", "iqu", "qa").stdout.strip()
    found = ledger.keys.find(secret, datetime.now(UTC))
    assert found is not None
    assert found.environment is Environment.QA
    for output in (alumniq("key", "list").output, alumniq("key", "list", "--json").output):
        assert found.prefix in output
        assert secret not in output


@pytest.mark.usefixtures("ledger")
def test_a_key_lives_as_long_as_was_asked_for() -> None:
    issued = run_json("key", "issue", "iqu", "production", "--days", "30")
    days = datetime.fromisoformat(issued["expires_at"]) - datetime.fromisoformat(
        issued["created_at"]
    )
    assert days == timedelta(days=30)
    assert issued["key"].startswith(issued["prefix"])
    alumniq("key", "issue", "iqu", "qa", "--days", "0", code=2)


def test_a_revoked_key_is_listed_as_such(ledger: Ledger) -> None:
    secret = alumniq("key", "issue", "iqu", "qa").stdout.strip()
    alumniq("key", "revoke", secret[:12])
    assert ledger.keys.find(secret, datetime.now(UTC)) is None
    (listed,) = run_json("key", "list", "--customer", "iqu")
    assert (listed["prefix"], listed["live"]) == (secret[:12], False)
    assert "revoked" in alumniq("key", "list").stdout


def test_who_was_at_the_keyboard_is_in_the_audit_trail(ledger: Ledger) -> None:
    alumniq("key", "issue", "iqu", "qa")
    with ledger.database.reading() as connection:
        actors = connection.scalars(select(audit.c.actor)).all()
    assert actors == [installation.operator()] * 2


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_242_424)
    assert installation.operator() == "uid 4242424"


def test_loads_are_listed_one_a_line_newest_first(ledger: Ledger, failed: Load) -> None:
    newer = ledger.loads.accept(another_request(failed.target), NOW)
    lines = alumniq("load", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [newer.job_id, "queued"],
        [failed.job_id, "failed"],
    ]
    assert "49,998 of 50,000 rows accepted, 2 rejected" in lines[1]


def test_loads_are_listed_by_customer_and_state(ledger: Ledger, failed: Load) -> None:
    ledger.loads.accept(another_request(failed.target), NOW)
    (listed,) = run_json("load", "list", "--state", "failed", "--state", "succeeded")
    assert listed["job_id"] == failed.job_id
    assert listed["counts"] == {"rows_read": 50_000, "rows_accepted": 49_998, "rows_rejected": 2}
    assert run_json("load", "list", "--customer", "zed") == []
    assert len(run_json("load", "list", "--customer", "iqu", "--limit", "1")) == 1


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize("noun", ["load", "notification"])
def test_the_earlier_name_of_limit_is_accepted_and_hidden(noun: str) -> None:
    assert len(run_json(noun, "list", "--most", "1")) == 1
    shown = alumniq(noun, "list", "--help").stdout
    assert "--limit" in shown
    assert "--most" not in shown


def test_a_load_is_shown_with_all_that_happened_in_order(failed: Load) -> None:
    lines = alumniq("load", "show", failed.job_id.lower()).stdout.splitlines()
    assert lines[0] == f"{failed.job_id} iqu/qa/warehouse: failed"
    assert [line[22:] for line in lines[1:10]] == [
        "accepted warehouse.csv, 123,456 bytes; by webhook",
        "run requested",
        "attempt 1 began, run run-2",
        "attempt 1 lost",
        "attempt 2 began, run run-3",
        f"attempt 2 refused: 49,998 of 50,000 rows accepted, 2 rejected; {ERROR}",
        "failed: 49,998 of 50,000 rows accepted, 2 rejected",
        f"callback to https://iqu.example/done failed: {UNAVAILABLE}",
        "mail to ada@iqu.example delivered: 250",
    ]
    assert lines[10] == f"Error: {ERROR}"
    assert lines[11].startswith("callback to https://iqu.example/done: next attempt 2026-03-01")


def test_a_machine_reads_the_whole_load(failed: Load) -> None:
    shown = run_json("load", "show", failed.job_id)
    assert shown["accepted_at"] == "2026-03-01T02:30:00+00:00"
    assert [attempt["result"] for attempt in shown["attempts"]] == ["lost", "refused"]
    assert [notification["state"] for notification in shown["notifications"]] == [
        "pending",
        "delivered",
    ]
    assert shown["attempts"][1]["errors"] == shown["errors"] == [ERROR]
    [listed] = [load for load in run_json("load", "list") if load["job_id"] == failed.job_id]
    assert listed["errors"] == [ERROR]
    (tried,) = shown["notifications"][0]["delivery_attempts"]
    assert (tried["delivered"], tried["detail"]) == (False, UNAVAILABLE)


def test_notifications_are_listed_with_their_state(failed: Load) -> None:
    listed = run_json("notification", "list")
    assert {
        (notification["channel"], notification["state"], notification["attempts"])
        for notification in listed
    } == {
        ("callback", "pending", 1),
        ("mail", "delivered", 1),
    }
    assert {notification["job_id"] for notification in listed} == {failed.job_id}
    assert run_json("notification", "list", "--customer", "other") == []
    [delivered] = run_json("notification", "list", "--state", "delivered")
    assert delivered["destination"] == "ada@iqu.example"
    assert len(alumniq("notification", "list", "--customer", "iqu").stdout.splitlines()) == 2


def test_a_notification_shows_the_result_of_each_delivery_attempt(failed: Load) -> None:
    output = alumniq("notification", "show", f"msg_{failed.job_id}-1").stdout
    assert "callback to https://iqu.example/done: pending" in output
    assert f"failed: {UNAVAILABLE}" in output
    assert "next attempt" in output
    [tried] = run_json("notification", "show", f"msg_{failed.job_id}-2")["delivery_attempts"]
    assert (tried["delivered"], tried["detail"]) == (True, "250")


def test_a_notification_that_was_delivered_can_be_sent_again(failed: Load, ledger: Ledger) -> None:
    name = f"msg_{failed.job_id}-2"
    assert f"{name} is due now" in alumniq("notification", "resend", name).stdout
    [due] = [
        notification
        for notification in ledger.notifications.claim(datetime.now(UTC), timedelta(minutes=1))
        if notification.id == name
    ]
    assert due.notice.body == "It failed."
    under_way = alumniq("notification", "resend", name, code=2)
    assert "is being sent right now" in under_way.stderr


def test_a_command_that_a_mistake_in_the_ledgers_set_up_stops_says_what_to_change(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.create(postgres_server)
    database.use()
    database.run("alter role {role} set default_transaction_read_only = on")
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", database.url)
    refused = alumniq("customer", "add", "other", "--name", "Other", code=2)
    assert "Set default_transaction_read_only to off" in refused.stderr
