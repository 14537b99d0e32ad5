"""What a check is and what it finds: values, and what depends on them alone."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from alumniq_pipelines.core.problems.installation import Advisory, UnknownCheck
from alumniq_pipelines.core.problems.problem import Problem, cause_for_staff

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.bucket.s3 import S3Buckets
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.core.loads.ledger_difference import Difference
    from alumniq_pipelines.settings import Settings

SECONDS = 20.0
"""How long a check may take, unless it has a limit of its own."""


class State(StrEnum):
    """What became of a check; only FAILED is something to do."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong, or deserves a look, and how to fix it."""

    code: str
    detail: str
    advice: str
    subject: str = ""
    is_warning: bool = False

    @classmethod
    def of_problem(cls, problem: Problem) -> Self:
        """Return the finding of a problem; behind an outage is what has to be changed."""
        shown = cause_for_staff(problem)
        return cls(
            code=shown.code,
            detail=shown.detail,
            advice=shown.advice,
            is_warning=isinstance(shown, Advisory),
        )

    @classmethod
    def of_difference(cls, difference: "Difference") -> Self:
        """Return the finding of a difference between ledger, warehouse, archive and Dagster."""
        return cls(
            code=difference.kind,
            subject=difference.subject,
            detail=difference.detail,
            advice=difference.advice,
            is_warning=not difference.is_open,
        )


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """What checks work with; ledger and store connect only when they are used."""

    settings: "Settings"
    ledger: "Ledger"

    @cached_property
    def s3(self) -> "S3Buckets":
        """The store. One check, which the others need, opens it: boto3 cannot do so in threads."""
        from alumniq_pipelines.wiring import open_s3

        return open_s3(self.settings)


def always(settings: "Settings") -> bool:
    """Apply to every installation."""
    del settings
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: it yields or raises problems, or yields findings.

    It is left out where it does not `apply`, and not carried out if one that it `needs` has failed.
    """

    name: str
    title: str
    find: Callable[[CheckContext], Iterable[Problem | Finding]]
    needs: Sequence[str] = ()
    applies: Callable[["Settings"], bool] = always
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a check found; `because_of` names the failed check for which it was not carried out."""

    name: str
    title: str
    findings: Sequence[Finding] = ()
    because_of: str | None = None

    @property
    def state(self) -> State:
        """What became of the check."""
        if self.because_of is not None:
            return State.NOT_CHECKED
        if any(not finding.is_warning for finding in self.findings):
            return State.FAILED
        return State.WARNING if self.findings else State.OK


def chosen_checks(
    checks: Sequence[Check], settings: "Settings", names: Collection[str] = ()
) -> Sequence[Check]:
    """Return the checks that apply: all, or those named and what they need, in order.

    Raises UnknownCheck.
    """
    by_name = {check.name: check for check in checks}
    for name in names:
        if name not in by_name:
            raise UnknownCheck(name, list(by_name))
    wanted = set(names) or set(by_name)
    # A check needs only earlier ones, so one pass from the end finds them all.
    for check in reversed(checks):
        if check.name in wanted:
            wanted.update(check.needs)
    return [check for check in checks if check.name in wanted and check.applies(settings)]


def root_cause(check: Check, results: Mapping[str, CheckResult]) -> str | None:
    """Return the failed check for which a check cannot be carried out; None if there is none."""
    for name in check.needs:
        result = results.get(name)
        if result is not None and result.state is State.NOT_CHECKED:
            return result.because_of
        if result is not None and result.state is State.FAILED:
            return name
    return None


def is_healthy(results: Sequence[CheckResult]) -> bool:
    """Whether there is nothing to do; warnings are not."""
    return all(result.state is not State.FAILED for result in results)


def to_findings(found: Iterable[Problem | Finding]) -> Iterator[Finding]:
    """Return what a check yields as findings, a problem that it raises included."""
    try:
        for item in found:
            yield Finding.of_problem(item) if isinstance(item, Problem) else item
    except Problem as problem:
        yield Finding.of_problem(problem)


def to_json(result: CheckResult) -> Mapping[str, Any]:
    """Serialize a result; the keys are stable."""
    return {
        "name": result.name,
        "title": result.title,
        "state": result.state.value,
        "because_of": result.because_of,
        "findings": [
            {
                "code": finding.code,
                "subject": finding.subject,
                "detail": finding.detail,
                "advice": finding.advice,
                "is_warning": finding.is_warning,
            }
            for finding in result.findings
        ],
    }
