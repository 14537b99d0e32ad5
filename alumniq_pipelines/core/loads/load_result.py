"""The result of a load attempt: one class per case, each with only what is known in that case.

What the ledger records of a result, and what its customer reads, follows from it by the functions
below. Add a case here, and mypy names every place that must decide about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import assert_never

from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import CheckResult, file_note, format_errors
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord
from alumniq_pipelines.core.loads.publication import (
    NOTHING_NEW,
    HoldRows,
    KeepLive,
    PublicationDecision,
)
from alumniq_pipelines.core.loads.version_profile import Profile
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.file import FileProblem, RowsRejected, format_faults
from alumniq_pipelines.core.problems.holding import HoldSuperseded, LaterFileLoaded, WouldBeHeld
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import RequestProblem

Seconds = Mapping[str, float]
"""How long each step of a load took, in order; empty where an earlier attempt did the work."""

NO_SECONDS: Seconds = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """The file that a load read, as it was received; it is in the archive."""

    receipt: Receipt
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The load's own version was published, by this attempt or by an earlier one.

    `changes` are None on a first load. `file` is None where it was not read now: an earlier attempt
    published it, or its rows had been held.
    """

    check_result: CheckResult
    version: Version
    changes: Changes | None = None
    file: ReceivedFile | None = None
    seconds: Seconds = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyPublished:
    """The load's own version is in the warehouse, and no record of the check is left.

    The ledger was restored from a backup that is older than the version. What is known is the
    version: which file it was made from, and its rows.
    """

    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The live version, which stays, was made from the same bytes and has the same rows."""

    check_result: CheckResult
    live: Version
    changes: Changes
    file: ReceivedFile
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """The same bytes are live already, which a load accepted later, by its number, has read."""

    by: int
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken:
    """Another file is live already, of a load accepted later, by its number; this one is not.

    Its rows were not checked: whatever they are, they would replace newer ones.
    """

    by: int
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededHold:
    """A load accepted later went live before held rows could be published; why they were held."""

    by: int
    hold_reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The accepted rows wait for a person's decision.

    `file` and `profile` are None where an earlier attempt read it.
    """

    check_result: CheckResult
    changes: Changes
    rows: HeldRows
    reasons: tuple[str, ...]
    file: ReceivedFile | None = None
    profile: Profile | None = None
    seconds: Seconds = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The file is refused as a whole: it is missing, or cannot be read row by row.

    `receipt` is None where there was no file to receive.
    """

    problem: FileProblem | RequestProblem
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """More rows were rejected than may be, or no row was left; the live version stays."""

    problem: RowsRejected
    check_result: CheckResult
    file: ReceivedFile
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A dry run found that the file could be published, or would be held for `hold_reasons`."""

    check_result: CheckResult
    changes: Changes | None
    hold_reasons: tuple[str, ...]
    file: ReceivedFile
    seconds: Seconds


LoadResult = (
    Published
    | AlreadyPublished
    | Unchanged
    | Superseded
    | Overtaken
    | SupersededHold
    | Held
    | Refused
    | Rejected
    | DryRun
)


def held_result(hold: Hold) -> Held:
    """Return the result of a load as it was held."""
    return Held(
        check_result=CheckResult(hold.counts, warnings=hold.warnings),
        changes=hold.changes,
        rows=hold.held,
        reasons=hold.reasons,
    )


def dry_run_result(
    decision: PublicationDecision,
    check_result: CheckResult,
    changes: Changes | None,
    file: ReceivedFile,
    seconds: Seconds,
) -> DryRun:
    """Return the result of a dry run of a file, by the decision on a load of it."""
    notes = (NOTHING_NEW,) if isinstance(decision, KeepLive) else ()
    return DryRun(
        check_result=replace(check_result, notes=(*notes, *check_result.notes)),
        changes=changes,
        hold_reasons=decision.reasons if isinstance(decision, HoldRows) else (),
        file=file,
        seconds=seconds,
    )


def attempt_result_of(result: LoadResult) -> AttemptResult:
    """Return how the ledger records the attempt that ended with this result."""
    match result:
        case Published() | AlreadyPublished():
            recorded = AttemptResult.PUBLISHED
        case Unchanged():
            recorded = AttemptResult.UNCHANGED
        case Superseded():
            recorded = AttemptResult.SUPERSEDED
        case Held():
            recorded = AttemptResult.HELD
        case DryRun(hold_reasons=reasons):
            recorded = AttemptResult.WOULD_BE_HELD if reasons else AttemptResult.CHECKED
        case Overtaken() | SupersededHold():
            recorded = AttemptResult.OVERTAKEN
        case Refused() | Rejected():
            recorded = AttemptResult.REFUSED
        case _ as unreachable:
            assert_never(unreachable)
    return recorded


def problem_of(result: LoadResult) -> Problem | None:
    """Return why the load failed, a dry run too; None where it succeeded or is held."""
    match result:
        case Refused(problem=problem) | Rejected(problem=problem):
            return problem
        case SupersededHold(hold_reasons=reasons):
            return HoldSuperseded(reasons)
        case Overtaken():
            return LaterFileLoaded()
        case DryRun(hold_reasons=reasons):
            return WouldBeHeld() if reasons else None
        case Published() | AlreadyPublished() | Unchanged() | Superseded() | Held():
            return None
    assert_never(result)


def errors_of(result: LoadResult) -> tuple[str, ...]:
    """Return what the customer reads of a load that failed, most important first."""
    problem = problem_of(result)
    if problem is None:
        return ()
    errors = format_faults(problem)
    if isinstance(result, Rejected):
        return (*errors, *result.check_result.hints, *format_errors(result.check_result.causes))
    if isinstance(result, DryRun):
        return (*errors, *result.hold_reasons)
    return errors


def check_record(
    check_result: CheckResult,
    changes: Changes | None,
    *,
    profile: Profile | None = None,
    with_hints: bool = True,
    seconds: Seconds = NO_SECONDS,
) -> CheckRecord:
    """Return what checking a file found, for the ledger: warnings on rows, then on the whole file.

    Hints of a file that is rejected, or would be held, are among its errors already.
    """
    notes = (*(check_result.hints if with_hints else ()), *check_result.notes)
    on_report = (check_result.report_note,) if check_result.report_note else ()
    return CheckRecord(
        counts=check_result.counts,
        causes=check_result.causes,
        warnings=(*check_result.warnings, *(file_note(note) for note in notes), *on_report),
        changes=changes,
        profile=profile,
        seconds=seconds,
    )


def check_of(result: LoadResult) -> CheckRecord | None:
    """Return what checking the file found; None where this load does not go by any such thing."""
    match result:
        case Published() | Unchanged():
            return check_record(result.check_result, result.changes, seconds=result.seconds)
        case Held(profile=profile, seconds=seconds):
            found = result.check_result
            return check_record(found, result.changes, profile=profile, seconds=seconds)
        case DryRun(hold_reasons=reasons, seconds=seconds):
            found, hints = result.check_result, not reasons
            return check_record(found, result.changes, with_hints=hints, seconds=seconds)
        case Rejected():
            found, seconds = result.check_result, result.seconds
            return check_record(found, None, with_hints=False, seconds=seconds)
        case AlreadyPublished() | Superseded() | Overtaken() | SupersededHold() | Refused():
            return None
    assert_never(result)


def receipt_of(result: LoadResult) -> Receipt | None:
    """Return the receipt of the file that was read; None where none was."""
    match result:
        case Published() | Unchanged() | Held() | Rejected() | DryRun():
            return None if result.file is None else result.file.receipt
        case Refused(receipt=receipt) | Superseded(receipt=receipt) | Overtaken(receipt=receipt):
            return receipt
        case AlreadyPublished(version=version):
            return Receipt(version.sha256, version.etag)
        case SupersededHold():
            return None
    assert_never(result)


def version_of(result: LoadResult) -> Version | None:
    """Return the version that shows this load's rows; None where it published none."""
    match result:
        case Published(version=version) | AlreadyPublished(version=version):
            return version
        case Unchanged(live=version):
            return version
        case (
            Superseded()
            | Overtaken()
            | SupersededHold()
            | Held()
            | Refused()
            | Rejected()
            | DryRun()
        ):
            return None
    assert_never(result)
