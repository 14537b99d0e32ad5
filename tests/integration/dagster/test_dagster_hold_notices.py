"""Who is notified when a run holds its load."""

from datetime import UTC, datetime

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.notifications.notification import Audience
from tests.integration.dagster.conftest import FILE, HEADER, ROWS, TARGET, Installation

HALF = HEADER + "".join(ROWS.splitlines(keepends=True)[:50])


def now() -> datetime:
    return datetime.now(UTC)


def reconciled(installation: Installation, load: Load) -> Load:
    """Do what the outcome sensors do once a run has ended."""
    installation.reconcile()
    return installation.again(load)


def published(installation: Installation) -> Load:
    """Load a file of a hundred rows to its outcome."""
    installation.put(HEADER + ROWS)
    load = installation.accept()
    installation.execute(load)
    return reconciled(installation, load)


def test_every_address_of_the_customer_is_notified_once_when_a_load_is_held_and_not_by_callback(
    installation: Installation,
) -> None:
    """Nobody but staff heard of a held load until it was decided on, up to 7 days later."""
    published(installation)
    installation.put(HALF)
    request = LoadRequest(
        new_job_id(), TARGET, FILE, None, None, "a@example.org; b@example.org", "https://e.org/"
    )
    load = installation.ledger.loads.accept(request, now())
    installation.execute(load)
    installation.execute(load)
    mails = installation.ledger.notifications.of(load.job_id, frozenset({Audience.CUSTOMER}))
    assert [(mail.id, mail.notice.destination) for mail in mails] == [
        (f"msg_{load.job_id}-held-1", "a@example.org"),
        (f"msg_{load.job_id}-held-2", "b@example.org"),
    ]
    [hold] = installation.ledger.holds.undecided()
    body = mails[0].notice.body
    assert "Your previous data is still live." in body
    assert f"by {hold.expires_at:%Y-%m-%d %H:%M} UTC" in body
    assert hold.reasons[0] in body


def test_a_held_load_says_what_is_live_by_the_newest_version_not_by_the_one_compared_with(
    installation: Installation,
) -> None:
    """After a rollback, a later load's version is stored, and its data may be live again."""
    published(installation)
    earlier, later = installation.accept("half.csv"), installation.accept("later.csv")
    installation.put(HEADER + ROWS.replace("Unit 7", "Unit seven"), "later.csv")
    with installation.out_of_line(earlier):
        installation.execute(later)
    installation.put(HALF, "half.csv")
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    warehouse.make_live(TARGET, 1, now())
    installation.execute(earlier)
    assert installation.again(earlier).state is LoadState.HELD
    [mail, _] = installation.ledger.notifications.of(earlier.job_id)
    assert "The data of another load is live." in mail.notice.body
