"""Asset checks: what judging a file found, told also where nothing was published."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.core.loads.check_result import Cause
from alumniq_pipelines.core.loads.diff import KINDS
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.defs.check_specs import (
    CHANGES,
    KEYS,
    REFERENCES,
    ROW_COUNT,
    SCHEMA,
    WARNINGS,
)
from alumniq_pipelines.services.attempt import Attempted
from alumniq_pipelines.services.load import LoadReport

CHECK_OF_CODE = {Rule.PRIMARY_KEY.value: KEYS, Rule.FOREIGN_KEY.value: REFERENCES}
"""Which check tells of causes that have one of their own; all others are the schema's."""

CAUSES_SHOWN = 20

PLAUSIBLE_SHRINKING = 0.5
PLAUSIBLE_GROWTH = 2.0
"""Daily files of one feed differ by a few per cent; half or twice the rows is worth a look."""


def check_results(key: dg.AssetKey, attempted: Attempted) -> Iterator[dg.AssetCheckResult]:
    """Answer the checks of a feed, as far as the attempt got."""
    if attempted.report:
        yield from _judged(key, attempted, attempted.report)
    elif attempted.result is AttemptResult.REFUSED and attempted.problem:
        yield dg.AssetCheckResult(
            asset_key=key, check_name=SCHEMA, passed=False, description=str(attempted.problem)
        )


def _judged(
    key: dg.AssetKey, attempted: Attempted, report: LoadReport
) -> Iterator[dg.AssetCheckResult]:
    refused = attempted.result is AttemptResult.REFUSED
    severity = dg.AssetCheckSeverity.ERROR if refused else dg.AssetCheckSeverity.WARN
    causes = _by_check(report.verdict.causes, SCHEMA)
    warnings = [each for each in report.verdict.remarks if each.severity == "warning"]
    warned = _by_check(warnings, WARNINGS)
    for name in (SCHEMA, KEYS):
        yield _rules(key, name, causes[name], severity)
    graver = severity if causes[REFERENCES] else dg.AssetCheckSeverity.WARN
    orphans = [*causes[REFERENCES], *warned[REFERENCES]]
    yield _rules(key, REFERENCES, orphans, graver, report.verdict.unchecked)
    yield _rules(key, WARNINGS, warned[WARNINGS], dg.AssetCheckSeverity.WARN)
    yield _row_count(key, attempted, report)
    yield _changes(key, report)


def _by_check(causes: Iterable[Cause], others: str) -> Mapping[str, Sequence[Cause]]:
    """Sort causes by the check that tells of them."""
    found = defaultdict[str, list[Cause]](list)
    for each in causes:
        found[CHECK_OF_CODE.get(each.code, others)].append(each)
    return found


def _rules(
    key: dg.AssetKey,
    name: str,
    causes: Sequence[Cause],
    severity: dg.AssetCheckSeverity,
    notes: Sequence[str] = (),
) -> dg.AssetCheckResult:
    shown = "\n".join([*(str(cause) for cause in causes[:CAUSES_SHOWN]), *notes])
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not causes,
        severity=severity,
        description=shown or None,
        metadata={
            "kinds of error": len(causes),
            "places": sum(cause.count for cause in causes),
        },
    )


def _row_count(key: dg.AssetKey, attempted: Attempted, report: LoadReport) -> dg.AssetCheckResult:
    rows = report.verdict.counts.rows_accepted
    before = attempted.previous.rows if attempted.previous else None
    metadata: dict[str, int] = {"rows": rows}
    if before is not None:
        metadata["rows before"] = before
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=ROW_COUNT,
        passed=_is_plausible(rows, before),
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _changes(key: dg.AssetKey, report: LoadReport) -> dg.AssetCheckResult:
    """Warn of what is held for a person; a first load changes nothing."""
    counted = report.changes.to_json() if report.changes else {}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHANGES,
        passed=not report.reasons_held,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(report.reasons_held) or None,
        metadata={kind: counted[kind] for kind in KINDS if kind in counted},
    )


def _is_plausible(rows: int, before: int | None) -> bool:
    if not before:
        return rows > 0
    return PLAUSIBLE_SHRINKING * before <= rows <= PLAUSIBLE_GROWTH * before
