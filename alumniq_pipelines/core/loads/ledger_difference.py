"""What the ledger and the warehouse disagree about, as operators read it; pure.

A ledger that was restored from a backup knows less than the warehouse and the archive; a warehouse
that was restored knows less than the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alumniq_pipelines.core.loads.archive import HELD, ArchivedFile, job_of_held_rows
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.shell import alumniq_command

REPAIR = "alumniq doctor --repair"
SEND_AGAIN = "have the file uploaded again and the webhook called again."


class DifferenceKind(StrEnum):
    """The kinds of differences."""

    LOAD_NUMBERS = "load-numbers"
    UNKNOWN_LOAD = "unknown-load"
    UNFINISHED_LOAD = "unfinished-load"
    MISSING_VERSION = "missing-version"
    NOTIFICATION = "notification"
    UNKNOWN_RUN = "unknown-run"
    ARCHIVED_FILE = "archived-file"
    HELD_ROWS = "held-rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run of a load, as Dagster recorded it."""

    job_id: JobId
    target: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference and how to reconcile it; `is_open` until that is done."""

    kind: DifferenceKind
    subject: str
    detail: str
    advice: str
    is_open: bool = True


def load_numbers(last: int, highest: int) -> Difference:
    """Describe a counter of load numbers that is below the numbers of versions."""
    return Difference(
        kind=DifferenceKind.LOAD_NUMBERS,
        subject="load numbers",
        detail=f"The ledger gave the number {last:,} last, and the warehouse has {highest:,}.",
        advice=f"{REPAIR} lifts the counter. So does every gateway when it starts.",
    )


def unknown_load(version: Version, *, is_recorded: bool, has_customer: bool) -> Difference:
    """Describe a version of a load that the ledger does not know."""
    target = version.target
    if not has_customer:
        add = alumniq_command("customer", "add", target.customer, "--name", "NAME")
        advice = f"Add the customer again ({add}), then record the version: {REPAIR}."
    elif not is_recorded:
        advice = f"Record the version: {REPAIR}. It stays as it is."
    else:
        advice = (
            "The version is recorded. Nothing else is left of the load: its job id is answered as "
            "unknown, and its customer may have been notified before the ledger was lost."
        )
    return Difference(
        kind=DifferenceKind.UNKNOWN_LOAD,
        subject=version.job_id,
        detail=(
            f"Version {version.number} of {target} ({version.rows:,} rows, published "
            f"{_time(version.published_at)}) is of a load that the ledger does not know."
        ),
        advice=advice,
        is_open=not is_recorded,
    )


def unfinished_load(load: Load, version: Version, *, is_publishing: bool = False) -> Difference:
    """Describe a load that has not ended in the ledger, though its version is published."""
    notified_again = " Its customer may be notified a second time, under the same id."
    if is_publishing:
        advice = "It was being published: its run ends it, or Dagster's daemon if that is gone."
    elif load.state is LoadState.HELD:
        advice = (
            f"{REPAIR} approves it, as before the ledger was lost, and ends it as published."
            f"{notified_again}"
        )
    else:
        advice = (
            f"{REPAIR} ends it as published, unless another load of its table comes first. So does "
            f"its next run.{notified_again}"
        )
    return Difference(
        kind=DifferenceKind.UNFINISHED_LOAD,
        subject=load.job_id,
        detail=(
            f"The load is {load.state} in the ledger, and published as version {version.number} of "
            f"{load.target} at {_time(version.published_at)}."
        ),
        advice=advice,
        is_open=not is_publishing,
    )


def missing_version(version: Version, *, is_newest: bool) -> Difference:
    """Describe a version that the ledger knows and the warehouse lacks."""
    if is_newest:
        repeat = alumniq_command("load", "repeat", version.job_id)
        advice = f"Load the file again, unless older data is wanted: {repeat}"
    else:
        advice = "A later version is there, so nothing needs to be done."
    return Difference(
        kind=DifferenceKind.MISSING_VERSION,
        subject=version.job_id,
        detail=(
            f"Version {version.number} of {version.target} was published at "
            f"{_time(version.published_at)}, and the warehouse does not have it."
        ),
        advice=advice,
        is_open=is_newest,
    )


def pending_notifications(count: int, since: datetime) -> Difference:
    """Describe notifications that may have been delivered before the ledger was lost."""
    noun = "notification is" if count == 1 else "notifications are"
    return Difference(
        kind=DifferenceKind.NOTIFICATION,
        subject="notifications",
        detail=(
            f"{count:,} {noun} pending that may have been delivered since the backup: it did not "
            f"know of a version that was published at {_time(since)}."
        ),
        advice="They are sent again under the same id. See which: alumniq notification list "
        "--state pending",
        is_open=False,
    )


def unknown_run(run: RecordedRun) -> Difference:
    """Describe a run of a load that the ledger does not know, and that published nothing."""
    return Difference(
        kind=DifferenceKind.UNKNOWN_RUN,
        subject=run.job_id,
        detail=(
            f"Dagster has a run of this load of {run.target}, requested at "
            f"{_time(run.requested_at)}. The ledger does not know the load, and the warehouse has "
            "no version of it."
        ),
        advice=f"If the customer misses this load, {SEND_AGAIN}",
        is_open=False,
    )


def archived_file(file: ArchivedFile) -> Difference:
    """Describe an archived file that no load of the ledger has read or held."""
    if file.name.startswith(HELD):
        what = f"The rows of the load {job_of_held_rows(file.name)} were held for approval"
        advice = f"The hold is lost: {SEND_AGAIN} The archived rows are deleted by themselves."
    else:
        what = "A load read this file"
        advice = (
            f"If the customer misses this load, {SEND_AGAIN} The archived file is deleted by "
            "itself after ALUMNIQ_ARCHIVE_DAYS."
        )
    return Difference(
        kind=DifferenceKind.ARCHIVED_FILE,
        subject=file.name,
        detail=f"{what} at {_time(file.stored_at)}, and the ledger does not know it.",
        advice=advice,
        is_open=False,
    )


def missing_held_rows(load: Load) -> Difference:
    """Describe a hold whose rows are gone: it was decided since the backup, or files were lost."""
    discard = alumniq_command("load", "discard", load.job_id, "--reason", "REASON")
    repeat = alumniq_command("load", "repeat", load.job_id)
    return Difference(
        kind=DifferenceKind.HELD_ROWS,
        subject=load.job_id,
        detail=(
            f"The load of {load.target} is held in the ledger, and its rows are not in the "
            "archive: it was discarded or expired since the backup, or the archive lost them."
        ),
        advice=f"It cannot be approved. Discard it ({discard}), and if its data is wanted, load "
        f"the file again: {repeat}",
    )


def missing_versions(
    recorded: Sequence[Version], stored: Sequence[Version], live: Version | None
) -> Sequence[Version]:
    """Return the recorded versions that a table should still have and lacks, newest first.

    Old versions are deleted, but for the live one, which may be older than all others since a
    rollback. So whatever is newer than the oldest of the others is missing.
    """
    numbers = {version.number for version in stored}
    kept = numbers - {live.number} if live and len(numbers) > 1 else numbers
    oldest = min(kept, default=0)
    return [
        version for version in recorded if version.number > oldest and version.number not in numbers
    ]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
