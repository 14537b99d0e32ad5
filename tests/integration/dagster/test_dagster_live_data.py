"""What customers read about live data is true of theirs, in callbacks, mails and problems."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from alumniq_pipelines.adapters.ledger.tables import attempts, loads
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.notification import Channel
from tests.integration.dagster.conftest import HEADER, ROWS, Installation

BAD_ROW = '"unit","","Unit","x","true"\n'
NOTHING = "No data of this feed has been published yet."
PREVIOUS = "Your previous data is still live."
LATER = "The data of another load is live."


def reconciled(installation: Installation, load: Load) -> Load:
    installation.execute(load)
    installation.reconcile()
    return installation.again(load)


def said(installation: Installation, load: Load) -> list[str]:
    """Return everything that a customer may read of how a load ended."""
    mails = [
        notification.notice.body
        for notification in installation.ledger.notifications.of(load.job_id)
        if notification.notice.channel is Channel.MAIL
        and notification.notice.destination == "a@example.org"
    ]
    return [*mails, *load.errors]


def test_a_first_load_that_fails_leaves_nothing_live_and_says_so(
    installation: Installation,
) -> None:
    installation.put(HEADER + BAD_ROW)
    load = reconciled(installation, installation.accept())
    assert load.state is LoadState.FAILED
    texts = said(installation, load)
    assert texts
    assert not any(PREVIOUS in text for text in texts)
    assert f"lookups.csv was not loaded. {NOTHING}" in texts[0]
    assert NOTHING in load.errors[0]


def test_a_later_load_that_fails_leaves_the_previous_data_live(installation: Installation) -> None:
    installation.put(HEADER + ROWS)
    reconciled(installation, installation.accept())
    installation.put(HEADER + BAD_ROW)
    load = reconciled(installation, installation.accept())
    assert f"lookups.csv was not loaded. {PREVIOUS}" in said(installation, load)[0]
    assert PREVIOUS in load.errors[0]


def test_a_load_that_fails_after_a_later_one_was_published_says_whose_data_is_live(
    installation: Installation,
) -> None:
    earlier, now = installation.accept("earlier.csv"), datetime.now(UTC)
    installation.put(HEADER + ROWS)
    with installation.out_of_line(earlier):
        reconciled(installation, installation.accept())
    for number in range(1, MAX_ATTEMPTS + 1):
        installation.ledger.attempts.begin(earlier, "gone", now)
        installation.ledger.attempts.end(earlier.job_id, number, AttemptResult.OUTAGE, now)
    a_minute_ago = now - timedelta(minutes=2)
    with installation.ledger.engine.begin() as connection:
        connection.execute(
            update(loads).values(
                accepted_at=a_minute_ago, started_at=a_minute_ago, requested_at=a_minute_ago
            )
        )
        connection.execute(update(attempts).values(started_at=a_minute_ago, ended_at=a_minute_ago))
    load = reconciled(installation, earlier)
    assert load.state is LoadState.FAILED
    assert f"earlier.csv was not loaded. {LATER}" in said(installation, load)[0]


def test_a_load_that_came_too_late_is_not_said_to_be_loaded(installation: Installation) -> None:
    installation.put(HEADER + ROWS)
    earlier, later = installation.accept(), installation.accept()
    with installation.out_of_line(earlier):
        reconciled(installation, later)
    load = reconciled(installation, earlier)
    assert (load.state, load.counts) == (LoadState.SUCCEEDED, None)
    [mail] = said(installation, load)
    assert "was loaded" not in mail
    assert "the data of a later load is live already" in mail
