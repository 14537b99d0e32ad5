"""A dry run in Dagster is checked and notified like any load, and never published."""

from datetime import UTC, datetime

from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.publication import NOTHING_NEW
from alumniq_pipelines.core.loads.rejection_report import REPORTS, report_key
from alumniq_pipelines.wiring import open_archive
from tests.integration.dagster.conftest import FILE, HEADER, ROWS, TARGET, Installation


def dry(installation: Installation) -> Load:
    """Accept a dry run as the gateway would."""
    request = LoadRequest(
        new_job_id(), TARGET, FILE, None, None, notify_email="a@example.org", dry_run=True
    )
    return installation.ledger.loads.accept(request, datetime.now(UTC))


def reconciled(installation: Installation, load: Load) -> Load:
    """Run a load, and do what the outcome sensors do then."""
    installation.execute(load)
    installation.reconcile()
    return installation.again(load)


def mail_text(installation: Installation, load: Load) -> str:
    """Return the mail to the customer."""
    mails = installation.ledger.notifications.of(load.job_id)
    return next(
        mail.notice.subject + mail.notice.body
        for mail in mails
        if mail.notice.destination == "a@example.org"
    )


def test_a_dry_run_of_a_good_file_succeeds_and_publishes_nothing(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    load = reconciled(installation, dry(installation))

    assert load.state is LoadState.SUCCEEDED
    [attempt] = installation.ledger.attempts.of(load.job_id)
    assert attempt.result is AttemptResult.CHECKED
    assert installation.ledger.versions.of(TARGET) == []
    assert load.counts is not None
    assert load.counts.rows_accepted == 100
    mail = mail_text(installation, load)
    assert "Dry run passed" in mail
    assert "nothing was published" in mail


def test_a_dry_run_of_a_bad_file_fails_and_the_live_version_stays(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    reconciled(installation, installation.accept())
    live = installation.ledger.versions.of(TARGET)
    installation.put(HEADER + '"unit","1","Unit","x","true"\n')
    load = reconciled(installation, dry(installation))

    assert load.state is LoadState.FAILED
    assert "Dry run failed" in mail_text(installation, load)
    assert installation.ledger.versions.of(TARGET) == live


def test_the_log_of_a_dry_run_says_whether_its_file_would_be_published_or_held(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    first = installation.execute(dry(installation))
    reconciled(installation, installation.accept())
    installation.put(HEADER + "".join(ROWS.splitlines(keepends=True)[:50]))
    second = installation.execute(dry(installation))

    logs = [
        [entry.user_message for entry in installation.instance.all_logs(run.run_id)]
        for run in (first, second)
    ]
    assert "Dry run: the file was checked and would be published." in logs[0]
    assert "Dry run: the file was checked and would be held for approval." in logs[1]


def test_a_dry_run_of_a_file_whose_load_would_be_held_fails_with_the_reasons(
    installation: Installation,
) -> None:
    """It passed: "SUCCESS", of a file that then waited for approval."""
    installation.put(HEADER + ROWS)
    reconciled(installation, installation.accept())
    installation.put(HEADER + "".join(ROWS.splitlines(keepends=True)[:50]))
    load = reconciled(installation, dry(installation))

    assert load.state is LoadState.FAILED
    [attempt] = installation.ledger.attempts.of(load.job_id)
    assert attempt.result is AttemptResult.WOULD_BE_HELD
    assert load.errors[0].startswith("A load of this file would be held for approval.")
    assert "50 rows removed" in load.errors[1]
    mail = mail_text(installation, load)
    assert mail.startswith("Dry run: would be held: warehouse-lookups")
    assert "Rows accepted: 50\n" in mail
    held = reconciled(installation, installation.accept())
    assert held.state is LoadState.HELD
    hold = installation.ledger.holds.get(held.job_id)
    assert hold is not None
    assert hold.reasons == attempt.hold_reasons


def test_a_dry_run_goes_by_the_thresholds_of_its_subscription(installation: Installation) -> None:
    own = Subscription(TARGET, thresholds={"removed": Threshold(percent=50)})
    installation.ledger.customers.subscribe(own, datetime.now(UTC))
    installation.put(HEADER + ROWS)
    reconciled(installation, installation.accept())
    installation.put(HEADER + "".join(ROWS.splitlines(keepends=True)[:50]))
    assert reconciled(installation, dry(installation)).state is LoadState.SUCCEEDED


def test_a_dry_run_of_the_live_file_says_that_there_is_nothing_new(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    reconciled(installation, installation.accept())
    load = reconciled(installation, dry(installation))

    assert load.state is LoadState.SUCCEEDED
    assert NOTHING_NEW in mail_text(installation, load)


def test_a_dry_run_is_checked_although_a_later_load_found_its_file_live(
    installation: Installation,
) -> None:
    """It passed unread, as superseded."""
    installation.put(HEADER + ROWS)
    reconciled(installation, installation.accept())
    load, unchanged = dry(installation), installation.accept()
    reconciled(installation, unchanged)
    installation.put(HEADER + '"unit","1","Unit","x","true"\n')
    assert reconciled(installation, load).state is LoadState.FAILED


def test_a_dry_run_keeps_no_earlier_load_from_being_published(installation: Installation) -> None:
    installation.put(HEADER + ROWS)
    earlier = installation.accept()
    reconciled(installation, dry(installation))

    assert reconciled(installation, earlier).state is LoadState.SUCCEEDED
    assert len(installation.ledger.versions.of(TARGET)) == 1


def test_the_mail_of_a_refused_dry_run_points_to_a_report_that_is_there(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS + '"unit","1","Unit","x","true"\n')
    load = reconciled(installation, dry(installation))

    key = report_key(TARGET, load.job_id)
    assert key in mail_text(installation, load)
    report = installation.buckets.open("iqu").root / key
    assert '\n"unit","1","Unit","x","true",101,102,' in report.read_text()
    names = [file.name for file in open_archive(installation.settings).list_files(REPORTS)]
    assert sorted(names) == [f"{REPORTS}{load.job_id}.{end}" for end in ("csv", "json", "xlsx")]
