"""Loads that come too late: one accepted later is live, from the same file or from another."""

from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.problems.holding import LaterFileLoaded
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation


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


def results(installation: Installation, load: Load) -> list[AttemptResult | None]:
    return [attempt.result for attempt in installation.ledger.attempts.of(load.job_id)]


def test_a_load_behind_a_later_one_of_the_same_file_publishes_nothing_and_says_so(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    earlier, later = installation.accept(), installation.accept()
    with installation.out_of_line(earlier):
        installation.execute(later)
    run = installation.execute(earlier)
    assert run.success
    assert not run.asset_materializations_for_node("feeds__warehouse_lookups")
    assert results(installation, earlier) == [AttemptResult.SUPERSEDED]
    log = [entry.user_message for entry in installation.instance.all_logs(run.run_id)]
    assert "The same file is live already, by a load accepted later; nothing is published." in log
    assert reconciled(installation, earlier).state is LoadState.SUCCEEDED
    assert [version.job_id for version in installation.ledger.versions.of(TARGET)] == [later.job_id]
    mail = installation.ledger.notifications.of(earlier.job_id)[0].notice
    assert mail.subject.startswith("Already live: ")
    assert f"live already as load {later.job_id}, so it was not loaded once more." in mail.body


def test_a_load_behind_a_later_file_fails_with_that_reason(installation: Installation) -> None:
    """It was reported as SUCCESS with 0 rows, and nobody had read its file."""
    earlier, later = installation.accept("earlier.csv"), installation.accept()
    installation.put(HEADER + ROWS)
    installation.put(HEADER + ROWS.replace("Unit 7", "Unit seven"), "earlier.csv")
    with installation.out_of_line(earlier):
        installation.execute(later)
    run = installation.execute(earlier)
    assert not run.success
    assert results(installation, earlier) == [AttemptResult.OVERTAKEN]
    found = reconciled(installation, earlier)
    assert (found.state, found.errors) == (LoadState.FAILED, (str(LaterFileLoaded()),))
    mail = installation.ledger.notifications.of(earlier.job_id)[0].notice
    assert mail.body.startswith("earlier.csv was not loaded. The data of another load is live.\n")
    assert f"What to do: {LaterFileLoaded().advice}\n" in mail.body


def test_a_load_accepted_before_the_same_bytes_came_again_comes_too_late(
    installation: Installation,
) -> None:
    published(installation)
    late = installation.accept("late.csv")
    with installation.out_of_line(late):
        published(installation)
    installation.put(HEADER + ROWS.replace("Unit 7", "Unit seven"), "late.csv")
    installation.execute(late)
    [attempt] = installation.ledger.attempts.of(late.job_id)
    assert attempt.result is AttemptResult.OVERTAKEN
    found = reconciled(installation, late)
    assert found.state is LoadState.FAILED
    assert found.errors == (str(LaterFileLoaded()),)
