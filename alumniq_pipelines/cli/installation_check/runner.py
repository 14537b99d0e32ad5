"""Running checks at the same time, each within a time limit."""

import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from alumniq_pipelines.cli.installation_check.check import (
    Check,
    CheckContext,
    CheckResult,
    Finding,
    root_cause,
    to_findings,
)
from alumniq_pipelines.core.problems.installation import CheckBroken, CheckTimedOut


def run_checks(checks: Sequence[Check], context: CheckContext) -> Sequence[CheckResult]:
    """Run all checks and return their results in order, within the time limits of all.

    Threads of checks that hang are left behind; they end with the process.
    """
    results: dict[str, Future[CheckResult]] = {check.name: Future() for check in checks}
    for check in checks:
        _start(_complete, check, context, results)
    return [results[check.name].result() for check in checks]


def _complete(
    check: Check, context: CheckContext, results: Mapping[str, Future[CheckResult]]
) -> None:
    """Wait for what a check needs, then set its result."""
    needed = {name: results[name].result() for name in check.needs if name in results}
    cause = root_cause(check, needed)
    findings = () if cause else _findings(check, context)
    result = CheckResult(name=check.name, title=check.title, findings=findings, because_of=cause)
    results[check.name].set_result(result)


def _findings(check: Check, context: CheckContext) -> Sequence[Finding]:
    found: Future[Sequence[Finding]] = Future()
    _start(_find, check, context, found)
    try:
        return found.result(check.seconds)
    except TimeoutError:
        return [Finding.of_problem(CheckTimedOut(check.name, check.seconds))]


def _find(check: Check, context: CheckContext, found: Future[Sequence[Finding]]) -> None:
    try:
        found.set_result(list(to_findings(check.find(context))))
    except Exception as fault:  # noqa: BLE001 - a check that is at fault must not stop the others
        frame = traceback.extract_tb(fault.__traceback__)[-1]
        origin = f"{type(fault).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        found.set_result([Finding.of_problem(CheckBroken(origin))])


def _start(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()
