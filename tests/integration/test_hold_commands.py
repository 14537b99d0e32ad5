"""The commands that decide on loads, and those that set the terms, as people call them."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.cli.subscription import thresholds_in
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.holding import UnusableThreshold
from tests.accepted_rows import small_field_map

TARGET = Target("iqu", Environment.QA, "warehouse")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    alumniq("customer", "add", "iqu", "--name", "IQ University")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")) as opened:
        yield opened


@pytest.fixture
def held(ledger: Ledger) -> Load:
    return hold_load(ledger, "ada@iqu.example")


def hold_load(ledger: Ledger, notify_email: str) -> Load:
    now = datetime.now(UTC)
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "e1", 9, notify_email)
    load = ledger.loads.accept(request, now)
    ledger.attempts.begin(load, "run-1", now)
    hold = Hold(
        job_id=load.job_id,
        held=HeldRows(
            digest="beef",
            field_map=small_field_map("warehouse"),
            table="warehouse",
            columns=("xid",),
            rows=4,
            sha256="cafe",
            etag="e1",
        ),
        counts=Counts(5, 4, 1),
        changes=Changes(1, 2, 30, 1, {"city": 2}),
        reasons=("30 rows removed, 90.9 % of 33 rows; more than 10 % need approval.",),
        held_at=now,
        expires_at=now + timedelta(days=7),
    )
    assert ledger.holds.hold(hold, 1, Receipt("cafe", "e1"), [])
    return load


def alumniq(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result


def shown(load: Load) -> Any:
    return json.loads(alumniq("load", "show", load.job_id, "--json").stdout)


def test_a_held_load_shows_why_it_waits_and_how_to_decide(held: Load) -> None:
    output = alumniq("load", "show", held.job_id).stdout
    assert "1 added, 2 changed, 30 removed, 1 unchanged" in output
    assert "Columns changed: city in 2 rows" in output
    assert "Held: 30 rows removed" in output
    assert f'alumniq load approve {held.job_id} --reason "..."' in output
    assert held.job_id in alumniq("load", "list", "--state", "held").stdout


def test_a_load_shows_what_it_waits_for(ledger: Ledger, held: Load) -> None:
    assert shown(held)["waiting"].startswith("Awaiting approval until ")
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "e1", 9)
    load = ledger.loads.accept(request, datetime.now(UTC))
    assert "Waiting to start." in alumniq("load", "show", load.job_id).stdout
    alumniq("load", "approve", held.job_id, "--reason", "The merger is real.")
    waiting = "Queued behind 1 other load of this feed."
    assert waiting in alumniq("load", "show", load.job_id).stdout
    assert shown(load)["waiting"] == waiting
    alumniq("load", "cancel", load.job_id)
    assert shown(load)["waiting"] is None


def test_an_approved_load_waits_for_a_run(held: Load) -> None:
    alumniq("load", "approve", held.job_id.lower(), "--reason", "The merger is real.")
    found = shown(held)
    assert (found["state"], found["hold"]["decision"]) == ("queued", "approved")
    assert "The merger is real." in alumniq("load", "show", held.job_id).stdout


@pytest.mark.parametrize(
    ("notify_email", "told"),
    [
        ("ada@iqu.example", "its customer is notified of the reason."),
        ("", "nobody is notified: this load has no recipients; its page has the reason."),
    ],
)
def test_whoever_discards_a_load_reads_whether_its_customer_is_notified(
    ledger: Ledger, notify_email: str, told: str
) -> None:
    load = hold_load(ledger, notify_email)
    output = alumniq("load", "discard", load.job_id, "--reason", "A test export.").stdout
    assert output == f"{load.job_id} is discarded; {told}\n"


def test_a_discarded_load_has_failed(held: Load) -> None:
    alumniq("load", "discard", held.job_id, "--reason", "A test export.")
    found = shown(held)
    assert (found["state"], found["hold"]["decision"]) == ("failed", "discarded")
    assert "A test export" in found["errors"][0]
    assert [notification["destination"] for notification in found["notifications"]] == [
        "ada@iqu.example"
    ]


@pytest.mark.parametrize("verb", ["approve", "discard"])
def test_a_load_is_decided_on_once_and_for_a_reason(held: Load, verb: str) -> None:
    assert "reason" in alumniq("load", verb, held.job_id, code=2).stderr
    assert "reason" in alumniq("load", verb, held.job_id, "--reason", " ", code=2).stderr
    alumniq("load", verb, held.job_id, "--reason", "x")
    assert "only a held load" in alumniq("load", verb, held.job_id, "--reason", "x", code=2).stderr
    assert "no load" in alumniq("load", verb, "nothing", "--reason", "x", code=2).stderr


def test_a_load_is_repeated_for_nobody_or_for_whom_it_was(ledger: Ledger, held: Load) -> None:
    quiet = json.loads(alumniq("load", "repeat", held.job_id, "--json").stdout)
    output = json.loads(alumniq("load", "repeat", held.job_id, "--notify", "--json").stdout)
    loads = {load.job_id: load.request for load in ledger.loads.find(states=[LoadState.QUEUED])}
    assert loads[quiet["job_id"]].notify_email == ""
    assert loads[output["job_id"]].notify_email == "ada@iqu.example"
    assert {load.repeats for load in loads.values()} == {held.job_id}


@pytest.mark.parametrize(
    ("has_begun", "message"),
    [
        (False, "is canceled; it had not begun."),
        (True, "is canceled after it had begun; nothing of it was published."),
    ],
)
def test_a_load_that_is_not_finished_is_canceled_once(
    ledger: Ledger, *, has_begun: bool, message: str
) -> None:
    now = datetime.now(UTC)
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "e1", 9, "ada@iqu.example")
    load = ledger.loads.accept(request, now)
    if has_begun:
        ledger.attempts.begin(load, "run-1", now)
    assert message in alumniq("load", "cancel", load.job_id.lower()).stdout
    found = shown(load)
    assert found["state"] == "failed"
    assert [attempt["result"] for attempt in found["attempts"]] == ["stopped"] * has_begun
    [notification] = found["notifications"]
    assert notification["destination"] == "ada@iqu.example"
    assert "The load is failed" in alumniq("load", "cancel", load.job_id, code=2).stderr


def test_a_held_load_is_discarded_rather_than_canceled(held: Load) -> None:
    error = alumniq("load", "cancel", held.job_id, code=2).stderr
    assert "The load is held" in error
    assert "no load" in alumniq("load", "cancel", "nothing", code=2).stderr


def test_a_load_that_read_nothing_cannot_be_repeated(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    load = ledger.loads.accept(LoadRequest(new_job_id(), TARGET, "gone.csv", None, None), now)
    ledger.attempts.begin(load, "run-1", now)
    ledger.attempts.end(load.job_id, 1, AttemptResult.REFUSED, now)
    assert "read no file" in alumniq("load", "repeat", load.job_id, code=2).stderr


def test_terms_are_set_kind_by_kind_and_stay_until_they_are_reset(ledger: Ledger) -> None:
    terms = ("subscription", "set", "iqu", "qa", "warehouse")
    alumniq(*terms, "--max-rejected", "10", "--hold", "removed=25%")
    output = alumniq(*terms, "--hold", "added=5000", "--hold", "changed=never").stdout
    assert "at most 10 rejected rows, held above 5,000 rows added" in output
    assert "never held for changed, held above 25 % removed" in output
    found = ledger.customers.subscription(TARGET)
    assert found
    assert found.thresholds["removed"] == Threshold(percent=25)
    assert alumniq("subscription", "list").stdout == output
    assert "terms of the field map" in alumniq(*terms, "--standard").stdout
    [listed] = json.loads(alumniq("subscription", "list", "--json").stdout)
    assert listed["thresholds"] == {}


def test_how_far_columns_may_be_filled_less_is_set_for_all_and_for_single_ones(
    ledger: Ledger,
) -> None:
    terms = ("subscription", "set", "iqu", "qa", "warehouse")
    alumniq(*terms, "--hold", "fill=30", "--hold", "fill.emailAddress=1")
    output = alumniq(*terms, "--hold", "fill.city = never", "--hold", "removed=25%").stdout
    assert "held if the filled share of a column falls by more than 30 points or by half" in output
    assert "of `emailAddress` falls by more than 1 point," in output
    assert "not held for how `city` is filled unless it loses all its values" in output
    found = ledger.customers.subscription(TARGET)
    assert found
    assert (found.fill, found.fill_of) == (30, {"emailAddress": 1, "city": 100})
    [listed] = json.loads(alumniq("subscription", "list", "--json").stdout)
    own = {"fill": 30, "fill_of": {"emailAddress": 1, "city": 100}}
    assert listed["thresholds"]["columns"] == own
    assert "terms of the field map" in alumniq(*terms, "--standard").stdout


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["iqu", "qa", "warehouse", "--hold", "removed=lots"], "removed=25%"),
        (["iqu", "qa", "warehouse", "--hold", "gone=5"], "removed=25%"),
        (["iqu", "qa", "warehouse", "--hold", "removed=101%"], "up to 100"),
        (["iqu", "qa", "warehouse", "--hold", "fill=101"], "up to 100"),
        (["iqu", "qa", "warehouse", "--hold", "fill=much"], "fill=20"),
        (["iqu", "qa", "warehouse", "--hold", "fill.emailAdress=5"], "emailAddress"),
        (["iqu", "qa", "warehous"], "Known feeds"),
        (["zed", "qa", "warehouse"], "alumniq customer add zed"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_terms_that_make_no_sense_are_refused(words: list[str], output: str) -> None:
    assert output in alumniq("subscription", "set", *words, code=2).stderr


def test_a_share_and_a_number_of_rows_may_both_be_given() -> None:
    both = thresholds_in(["removed=12.5%", "removed = 200"])
    assert both == {"removed": Threshold(percent=12.5, rows=200)}
    with pytest.raises(UnusableThreshold):
        thresholds_in(["removed=-1"])


@pytest.mark.usefixtures("ledger")
def test_no_customer_is_given_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_ARCHIVE_BUCKET", "our-archive")
    words = ("customer", "add", "zed", "--name", "Zed", "--bucket", "our-archive")
    assert "another customer" in alumniq(*words, code=2).stderr
