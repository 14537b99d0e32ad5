"""`alumniq check --live`: whether a load of the file would be published, held, or neither."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.feeds.field_map import Threshold, Thresholds
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.integration.loading.installation import Installation
from tests.strict_catalog import read_catalog

HEADER = "xid,lastName,emailAddress\n"
ROWS = [f"{n:03},Lee,lee{n}@example.edu\n" for n in range(1, 101)]
LIVE = HEADER + "".join(ROWS)
HALF = HEADER + "".join(ROWS[:50])
TARGET = Target("iqu", Environment.QA, "warehouse")
Check = Callable[..., Result]


@pytest.fixture
def loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Return where the feed is loaded from, with a hundred rows live."""
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "data"))
    feed = read_catalog(REPOSITORY / "schemas").feed("warehouse")
    installation = Installation(tmp_path / "load", feed, DuckDBWarehouse(Settings().warehouse_dir))
    installation.deliver(LIVE)
    installation.publish()
    return installation


@pytest.fixture
def check(loading: Installation, tmp_path: Path) -> Check:
    """Return a function that checks a file against the live data."""
    del loading

    def run(content: str, *options: str, live: str = "iqu.qa") -> Result:
        path = tmp_path / "warehouse.csv"
        path.write_text(content, encoding="utf-8")
        arguments = ("check", str(path), "--feed", "warehouse", "--live", live, *options)
        return CliRunner().invoke(app, arguments)

    return run


def comparison(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["live"]
    return found


def words(done: Result) -> str:
    return " ".join(done.stdout.split())


def subscribe(**terms: Any) -> None:
    now = datetime.now(UTC)
    with closing(Ledger.open(Settings().ledger)) as ledger:
        ledger.migrate()
        ledger.customers.add(Customer("iqu", "Inter-Quad University", "iqu"), now)
        ledger.customers.subscribe(Subscription(TARGET, **terms), now)


def test_a_file_that_changes_little_would_be_published_and_exits_with_0(check: Check) -> None:
    done = check(LIVE.replace("050,Lee", "050,Roe"))
    assert done.exit_code == 0
    assert "Would be published: a load into iqu.qa." in words(done)
    assert "0 added, 1 changed, 0 removed, 99 unchanged" in words(done)


def test_a_file_that_would_be_held_exits_with_3_and_has_the_reasons_of_a_load(
    check: Check, loading: Installation
) -> None:
    done = check(HALF)
    assert done.exit_code == 3
    assert "Would be held for approval: a load into iqu.qa" in words(done)
    as_json = check(HALF, "--json")
    assert as_json.exit_code == 3
    found = comparison(as_json)
    assert (found["target"], found["load"], found["changes"]["removed"]) == ("iqu.qa", "held", 50)
    loading.deliver(HALF)
    reasons = loading.hold(2, Thresholds()).reasons
    assert found["hold_reasons"] == list(reasons)
    assert reasons[0] in words(done)


def test_lost_zeros_are_among_the_reasons_and_not_among_the_notes_as_well(check: Check) -> None:
    done = check(LIVE.replace("\n0", "\n").replace("\n0", "\n"), "--json")
    assert done.exit_code == 3
    assert "has lost leading zeros" in comparison(done)["hold_reasons"][-1]
    assert "leading zeros" not in str(json.loads(done.stdout)["notes"])


def test_a_column_that_would_lose_its_values_holds_whatever_the_thresholds_are(
    check: Check,
) -> None:
    never = Threshold()
    subscribe(thresholds={"added": never, "changed": never, "removed": never})
    done = check(LIVE.replace("emailAddress", "shoeSize"), "--json")
    assert done.exit_code == 3
    [reason] = comparison(done)["hold_reasons"]
    assert "`emailAddress`" in reason


def test_the_terms_are_those_of_the_customers_subscription(check: Check) -> None:
    assert check(HALF).exit_code == 3
    subscribe(thresholds={"removed": Threshold(percent=50)}, max_rejected=1)
    assert check(HALF).exit_code == 0
    one_bad = check(LIVE + "001,Lee,\n", "--json")
    assert (one_bad.exit_code, comparison(one_bad)["load"]) == (1, "published")
    two_bad = check(LIVE + "001,Lee,\n002,Lee,\n", "--json")
    assert (two_bad.exit_code, comparison(two_bad)["load"]) == (1, "rejected")
    text = words(check(LIVE + "001,Lee,\n002,Lee,\n"))
    assert "Would be rejected: a load into iqu.qa allows at most 1 rejected row" in text


def test_a_file_with_rejected_rows_that_would_be_held_exits_with_3(check: Check) -> None:
    subscribe(max_rejected=1)
    assert check(HALF + "001,Lee,\n").exit_code == 3


def test_the_live_file_is_nothing_new(check: Check) -> None:
    done = check(LIVE)
    assert done.exit_code == 0
    assert "Nothing new: the file is identical to the live version of iqu.qa" in words(done)
    assert comparison(check(LIVE, "--json"))["load"] == "unchanged"


def test_a_first_load_would_be_published(check: Check) -> None:
    done = check(HALF, live="iqu.production")
    assert done.exit_code == 0
    assert "Nothing is live there yet." in words(done)
    found = comparison(check(HALF, "--json", live="iqu.production"))
    assert (found["load"], found["changes"]) == ("published", None)


def test_an_unusable_file_is_compared_with_nothing(check: Check) -> None:
    done = check("nonsense\n", "--json")
    assert (done.exit_code, comparison(done)) == (2, None)


def test_the_accepted_rows_are_written_as_without_a_comparison(
    check: Check, tmp_path: Path
) -> None:
    output = tmp_path / "rows.csv"
    assert check(HALF + "001,Lee,\n", "--output", str(output)).exit_code == 1
    assert len(output.read_text().splitlines()) == 51
