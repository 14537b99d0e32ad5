"""Nightly loads of one table whose column is spelt otherwise, then dropped; with the real parts.

`Email` for `emailAddress` was loaded with success, and every address was gone.
"""

from datetime import UTC, datetime

import dagster as dg
import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.services import load_actions
from tests.integration.dagster.conftest import Installation

PEOPLE = Target("iqu", Environment.PRODUCTION, "warehouse")
FILE = "warehouse.csv"
ROWS = (
    ("0001", "Ann", "Lee", "Dayton", "ann@example.edu"),
    ("0002", "Bob", "Day", "Dayton", ""),
    ("0003", "Cy", "Fox", "Fargo", "cy@example.edu"),
    ("0004", "Di", "Poe", "Fargo", ""),
    ("0005", "Ed", "Roe", "Fargo", "ed@example.edu"),
)
HOLD = (
    "The column `emailAddress` was filled in 60 % of the rows of the live version and is absent "
    "from this file."
)


@pytest.fixture
def people(installation: Installation) -> Installation:
    """Return an installation with a first load of people."""
    installation.ledger.customers.subscribe(Subscription(PEOPLE), now())
    installation.instance.add_dynamic_partitions("feeds/warehouse", [PEOPLE.partition_key])
    assert loaded(installation, "emailAddress").state is LoadState.SUCCEEDED
    return installation


def now() -> datetime:
    return datetime.now(UTC)


def put(installation: Installation, email: str | None, first_name: str = "Ann") -> None:
    """Deliver the table, its e-mails under a name of the exporter's, or without them."""
    names = ["xid", "firstName", "lastName", "city", *([email] if email else [])]
    rows = [row[: len(names)] for row in ROWS]
    rows[0] = (rows[0][0], first_name, *rows[0][2:])
    installation.put("".join(",".join(row) + "\n" for row in (names, *rows)), FILE)


def loaded(installation: Installation, email: str | None, first_name: str = "Ann") -> Load:
    """Deliver the table and load it to its outcome, as the sensors would."""
    put(installation, email, first_name)
    return reconciled(installation, installation.accept(FILE, PEOPLE))


def reconciled(installation: Installation, load: Load) -> Load:
    installation.execute(load)
    installation.reconcile()
    return installation.again(load)


def emails(installation: Installation) -> list[object]:
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    query = 'select "emailAddress" from warehouse where "emailAddress" is not null order by xid'
    return [email for (email,) in warehouse.query("iqu", "production", query)[1]]


def mails(installation: Installation, load: Load) -> list[str]:
    notifications = installation.ledger.notifications.of(load.job_id)
    return [
        notification.notice.body
        for notification in notifications
        if notification.notice.channel is Channel.MAIL
    ]


@pytest.mark.parametrize("name", ["EMAIL_ADDRESS", "[emailAddress]", "`email.address`"])
def test_a_name_that_matches_beyond_its_spelling_loads_its_values(
    people: Installation, name: str
) -> None:
    assert loaded(people, name, "Anna").state is LoadState.SUCCEEDED
    assert emails(people) == ["ann@example.edu", "cy@example.edu", "ed@example.edu"]


@pytest.mark.parametrize("name", ["Email", "emailAdress"])
def test_a_misspelt_column_fails_the_load_and_both_names_are_in_its_errors(
    people: Installation, name: str
) -> None:
    load = loaded(people, name, "Anna")
    assert load.state is LoadState.FAILED
    [error] = load.errors
    assert f"`{name}`" in error
    assert "`emailAddress`" in error
    assert len(emails(people)) == 3


def test_a_column_that_is_dropped_holds_the_load_until_it_is_approved(
    people: Installation,
) -> None:
    load = loaded(people, None)
    assert load.state is LoadState.HELD
    hold = people.ledger.holds.get(load.job_id)
    assert hold is not None
    assert hold.reasons == (HOLD,)
    to_customer, to_staff = mails(people, load)
    assert HOLD in to_customer
    assert HOLD in to_staff
    assert len(emails(people)) == 3
    load_actions.approve(people.ledger, load.job_id, "They stopped sending it.", "ada", now())
    assert reconciled(people, load).state is LoadState.SUCCEEDED
    assert emails(people) == []
    assert loaded(people, None, "Anna").state is LoadState.SUCCEEDED


def test_a_dry_run_says_that_a_load_would_be_held_and_why(people: Installation) -> None:
    put(people, None)
    request = LoadRequest(
        new_job_id(), PEOPLE, FILE, None, None, notify_email="a@example.org", dry_run=True
    )
    load = people.ledger.loads.accept(request, now())
    run = people.execute(load)
    [warned] = [
        evaluation for evaluation in run.get_asset_check_evaluations() if not evaluation.passed
    ]
    assert (warned.check_name, warned.severity) == ("changes", dg.AssetCheckSeverity.WARN)
    assert warned.description == HOLD
    people.reconcile()
    assert people.again(load).state is LoadState.FAILED
    [mail] = mails(people, load)
    assert "would be held for approval. This was a dry run: nothing was published." in mail
    assert f"Why it would be held:\n- {HOLD}\n" in mail
    assert len(emails(people)) == 3
