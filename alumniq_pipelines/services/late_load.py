"""A load that comes too late: one accepted later is live already, from the same file or another."""

from pathlib import Path
from typing import TYPE_CHECKING

from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    Overtaken,
    Refused,
    Superseded,
)
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.services.load_files import LoadFile

if TYPE_CHECKING:
    from alumniq_pipelines.checking.step_timer import StepTimer


def find_known_result(
    load_file: LoadFile,
    live: Version | None,
    unchanged_after: int | None,
    folder: Path,
    steps: "StepTimer",
) -> AlreadyPublished | Superseded | Overtaken | Refused | None:
    """Return the result that a load has by what is live, whatever its rows are; None if none.

    Its own version may be live already, or that of a load accepted later; or such a load, of number
    `unchanged_after`, found its file live. A later load that is live decides nothing about a dry
    run.
    """
    if live is None or load_file.load.request.dry_run:
        return None
    if live.job_id == load_file.load.job_id:
        return AlreadyPublished(version=live)
    newest = max(live.number, unchanged_after or 0)
    if newest <= load_file.load.number:
        return None
    return _compare_with_later(load_file, live, newest, folder, steps)


def _compare_with_later(
    load_file: LoadFile, live: Version, later: int, folder: Path, steps: "StepTimer"
) -> Superseded | Overtaken | Refused:
    """Fetch and archive the file of a load that comes too late, and compare it with what is live.

    Only a file of the same bytes is contained in what is live; that one was checked, too.
    """
    received = folder / "received"
    try:
        with steps.step("fetch"):
            etag = load_file.fetch(received)
    except (FileProblem, RequestProblem) as problem:
        return Refused(problem=problem, receipt=None)
    return too_late_result(load_file.archive_received(received, etag, None), live.sha256, later)


def too_late_result(receipt: Receipt, live_sha256: str, later: int) -> Superseded | Overtaken:
    """Return the result of a load that read a file after a later load had gone live."""
    if receipt.sha256 == live_sha256:
        return Superseded(by=later, receipt=receipt)
    return Overtaken(by=later, receipt=receipt)
