"""The commands over watches, as people and scripts call them."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Condition, Kind, Resolution

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
TARGET = ("iqu", "production", "warehouse")
NIGHTLY = ("--cron", "0 3 * * 1-5", "--time-zone", "America/New_York")
SECRET = "https://hc-ping.com/s3cret"


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    alumniq("customer", "add", "iqu", "--name", "IQ University")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")) as opened:
        yield opened


def alumniq(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def run_json(*arguments: str) -> Any:
    result = alumniq("watch", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(*arguments: str) -> str:
    result = alumniq("watch", *arguments)
    assert result.exit_code == 2, result.output
    return result.stderr


def deliver(ledger: Ledger, days: int) -> None:
    """Load a file at three in the morning, New York time, on so many days."""
    target = Target("iqu", Environment.PRODUCTION, "warehouse")
    for day in range(days):
        request = LoadRequest(new_job_id(), target, "warehouse.csv", None, None)
        load = ledger.loads.accept(request, datetime(2026, 1, 5 + day, 8, day, tzinfo=UTC))
        ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [], NOW)


def test_a_watch_is_set_and_listed() -> None:
    days_off = ("--day-off", "2026-12-24..2027-01-02", "--day-off", "2026-07-04")
    watch = run_json("set", *TARGET, *NIGHTLY, "--grace", "90min", *days_off, "--no-weekends")
    assert (watch["cron"], watch["time_zone"]) == ("0 3 * * 1-5", "America/New_York")
    assert (watch["grace_seconds"], watch["weekends"]) == (5_400, False)
    assert watch["days_off"] == ["2026-12-24..2027-01-02", "2026-07-04"]
    (listed,) = run_json("list")
    assert listed == {
        **watch,
        "standing": "waiting",
        "due_at": listed["due_at"],
        "missed_at": listed["missed_at"],
        "last": None,
        "silence": None,
    }
    shown = alumniq("watch", "list").stdout
    assert shown.startswith("iqu/production/warehouse  waiting  due ")
    assert "0 3 * * 1-5 America/New_York, not on weekends" in shown
    assert run_json("list", "--customer", "other") == []


@pytest.mark.parametrize(
    ("zone", "named", "is_unnamed"),
    [
        ("America/New_York", "E[SD]T", False),
        ("UTC", "UTC", False),
        ("Europe/Istanbul", r"UTC\+03:00", True),
        ("Asia/Kathmandu", r"UTC\+05:45", True),
    ],
)
def test_a_listed_time_names_its_zone_or_says_that_it_has_no_abbreviation(
    ledger: Ledger, zone: str, named: str, *, is_unnamed: bool
) -> None:
    deliver(ledger, 1)
    run_json("set", *TARGET, "--cron", "0 3 * * *", "--time-zone", zone)
    shown = alumniq("watch", "list").stdout
    assert re.search(rf"  due \d+-\d\d-\d\d 03:00 {named}  last 2026-01-05 \d\d:\d\d ", shown)
    assert ("this time zone has no abbreviation" in shown) is is_unnamed


def test_what_is_not_given_stays_as_it_was() -> None:
    first = run_json("set", *TARGET, *NIGHTLY, "--day-off", "2026-07-04", "--heartbeat-url", SECRET)
    second = run_json("set", *TARGET, "--grace", "1h")
    assert second == {**first, "grace_seconds": 3_600}
    third = run_json("set", *TARGET, "--every", "6h", "--day-off", "", "--heartbeat-url", "")
    assert (third["cron"], third["period_seconds"]) == (None, 21_600)
    assert (third["days_off"], third["heartbeat"]) == ([], None)
    assert third["since"] > second["since"]


def test_the_heartbeats_url_is_a_secret() -> None:
    assert (
        run_json("set", *TARGET, *NIGHTLY, "--heartbeat-url", SECRET)["heartbeat"] == "hc-ping.com"
    )
    shown = alumniq("watch", "list", "--json").stdout + alumniq("watch", "list").stdout
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (("set", *TARGET), "neither a cron expression nor a period"),
        (("set", *TARGET, "--cron", "0 3 * * *", "--every", "6h"), "or both"),
        (("set", *TARGET, "--cron", "61 3 * * *"), "unusable minute"),
        (("set", *TARGET, "--every", "soon"), "'soon' is not a duration"),
        (("set", *TARGET, *NIGHTLY, "--grace", "-2h"), "is not a duration"),
        (("set", *TARGET, *NIGHTLY, "--time-zone", "Mars"), "unknown time zone"),
        (("set", *TARGET, *NIGHTLY, "--day-off", "Xmas"), "days off"),
        (("set", "nope", "qa", "warehouse", *NIGHTLY), "no customer 'nope'"),
        (("set", "iqu", "qa", "warehous", *NIGHTLY), "no feed 'warehous'"),
        (("snooze", *TARGET, "--for", "1d"), "no watch on iqu/production/warehouse"),
        (("remove", *TARGET), "no watch on iqu/production/warehouse"),
        (("suggest", *TARGET), "So far there are 0 (loads: 0)"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_done(arguments: tuple[str, ...], refused: str) -> None:
    assert refused in refusal(*arguments)
    assert run_json("list") == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "ftp://x.example", "https://a:s3cret@x.example"]
)
def test_a_heartbeat_that_could_never_be_sent_is_refused_without_repeating_it(url: str) -> None:
    said = refusal("set", *TARGET, *NIGHTLY, "--heartbeat-url", url)
    assert "--heartbeat-url" in said
    assert "s3cret" not in said


def test_a_snooze_is_printed_in_the_time_zone_of_the_campus() -> None:
    run_json("set", *TARGET, *NIGHTLY)
    snoozed = run_json("snooze", *TARGET, "--until", "2036-12-01T08:00")
    assert snoozed["snoozed_until"] == "2036-12-01T08:00:00-05:00"
    assert run_json("list")[0]["standing"] == "snoozed"
    shown = alumniq("watch", "snooze", *TARGET, "--until", "2036-12-01").stdout
    assert (
        shown == "No files for iqu/production/warehouse are expected until 2036-12-01 00:00 EST.\n"
    )
    assert run_json("snooze", *TARGET, "--for", "3d")["snoozed_until"]
    assert run_json("snooze", *TARGET, "--end")["snoozed_until"] is None
    assert run_json("list")[0]["standing"] == "waiting"


@pytest.mark.parametrize(
    "wrong", [(), ("--for", "1d", "--end"), ("--until", "tomorrow"), ("--until", "")]
)
def test_a_snooze_needs_exactly_one_end(wrong: tuple[str, ...]) -> None:
    run_json("set", *TARGET, *NIGHTLY)
    assert "until when to snooze" in refusal("snooze", *TARGET, *wrong)


def test_a_watch_is_removed() -> None:
    run_json("set", *TARGET, *NIGHTLY)
    assert run_json("remove", *TARGET)["removed"] is True
    assert alumniq("watch", "list").stdout.startswith("No watches yet.")


def test_a_schedule_is_proposed_from_history_and_its_command_can_be_pasted(
    ledger: Ledger,
) -> None:
    deliver(ledger, 20)
    shown = alumniq("watch", "suggest", *TARGET, "--time-zone", "America/New_York").stdout
    assert "Based on 20 loads on 20 days, 2026-01-05 to 2026-01-24" in shown
    assert "0 of them would have arrived after an alarm" in shown
    assert (
        "alumniq watch set iqu production warehouse --cron '15 3 * * *' "
        "--time-zone America/New_York --grace 60min"
    ) in shown
    assert run_json("list") == []


def test_a_proposal_can_be_applied_and_keeps_what_history_cannot_know(ledger: Ledger) -> None:
    deliver(ledger, 20)
    run_json("set", *TARGET, *NIGHTLY, "--day-off", "2026-07-04", "--heartbeat-url", SECRET)
    proposed = run_json("suggest", *TARGET, "--apply")
    assert (proposed["applied"], proposed["cron"], proposed["loads"]) == (True, "15 3 * * *", 20)
    (watch,) = run_json("list")
    assert (watch["cron"], watch["heartbeat"]) == ("15 3 * * *", "hc-ping.com")
    assert watch["days_off"] == ["2026-07-04"]


def test_incidents_are_listed_newest_first_those_that_are_over_on_request(ledger: Ledger) -> None:
    assert alumniq("watch", "incidents").stdout == "No incidents.\n"
    for number, kind in enumerate((Kind.BUCKET_UNAVAILABLE, Kind.QUEUE_STUCK)):
        condition = Condition(key=kind, kind=kind, title=f"Trouble {number}", detail="It is.")
        ledger.incidents.open(condition, NOW + timedelta(hours=number))
    (first, _) = ledger.incidents.list_open()
    ledger.incidents.close([first.id], Resolution.RECOVERED, NOW + timedelta(hours=5), lambda _: ())
    assert [incident["kind"] for incident in run_json("incidents")] == ["queue-stuck"]
    everything = run_json("incidents", "--all")
    assert [incident["kind"] for incident in everything] == ["queue-stuck", "bucket-away"]
    assert everything[1]["resolution"] == "recovered"
    shown = alumniq("watch", "incidents", "--all").stdout.splitlines()
    assert shown[1].endswith("Trouble 0  (recovered 2026-03-01 07:30:00Z)")


@pytest.mark.parametrize("zone", ["EST", "Etc/GMT+5"])
def test_a_zone_without_summer_time_is_set_with_a_warning(ledger: Ledger, zone: str) -> None:
    """A nightly file of New York was due at four in the morning from March on."""
    deliver(ledger, 6)
    told = "has no summer time"
    for arguments in (
        ("set", *TARGET, "--cron", "0 3 * * *", "--time-zone", zone),
        ("set", *TARGET, "--grace", "1h", "--json"),
        ("suggest", *TARGET, "--time-zone", zone),
    ):
        result = alumniq("watch", *arguments)
        assert result.exit_code == 0, result.output
        assert told in result.stderr
        assert "--time-zone America/New_York" in result.stderr
        assert told not in result.stdout
    assert told not in alumniq("watch", "set", *TARGET, *NIGHTLY).stderr
