"""Asset checks: their names, and what checking a file found, also where nothing was published."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

import dagster as dg

from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.core.loads.check_result import Cause, CheckResult
from alumniq_pipelines.core.loads.diff import KINDS, Changes
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    DryRun,
    Held,
    LoadResult,
    Overtaken,
    Published,
    Refused,
    Rejected,
    Superseded,
    SupersededHold,
    Unchanged,
)
from alumniq_pipelines.core.loads.warehouse import Version

SCHEMA = "schema"
KEYS = "keys"
REFERENCES = "references"
WARNINGS = "warnings"
ROW_COUNT = "row_count"
CHANGES = "changes"

DESCRIPTIONS = {
    SCHEMA: "Header, structure and all values match the field map.",
    KEYS: "No two rows have the same primary key.",
    REFERENCES: "Every foreign key refers to an existing row; rows whose key only warns remain.",
    WARNINGS: "No value breaks a rule that only warns; rows that do are published.",
    ROW_COUNT: "The number of rows is between half and twice that of the version before.",
    CHANGES: (
        "No more rows are added, changed or removed than the thresholds allow, no column loses all "
        "its values or is filled much less, and rows are not far fewer than within 30 days."
    ),
}

CHECK_OF_CODE = {Rule.PRIMARY_KEY.value: KEYS, Rule.FOREIGN_KEY.value: REFERENCES}
"""The check that reports causes of a code; all others are reported by `schema` or `warnings`."""

MAX_CAUSES = 20

PLAUSIBLE_SHRINKING = 0.5
PLAUSIBLE_GROWTH = 2.0
"""Daily files of one feed differ by a few per cent; half or twice the rows is unusual."""


def check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the checks that every load of a feed reports."""
    return [
        dg.AssetCheckSpec(name, asset=key, description=description)
        for name, description in DESCRIPTIONS.items()
    ]


def check_results(
    key: dg.AssetKey, result: LoadResult, previous: Version | None
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of a feed's checks, as far as the load got.

    `previous` is the version that was live before.
    """
    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    match result:
        case Published() | Unchanged():
            yield from _rule_results(key, result.check_result, warn)
            yield _row_count_result(key, result.check_result, previous)
            yield _changes_result(key, result.changes, ())
        case Held():
            yield from _rule_results(key, result.check_result, warn)
            yield _row_count_result(key, result.check_result, previous)
            yield _changes_result(key, result.changes, result.reasons)
        case DryRun():
            yield from _rule_results(key, result.check_result, warn)
            yield _row_count_result(key, result.check_result, previous)
            yield _changes_result(key, result.changes, result.hold_reasons)
        case Rejected():
            yield from _rule_results(key, result.check_result, error)
            yield _row_count_result(key, result.check_result, previous)
            yield _changes_result(key, None, ())
        case Refused(problem=problem):
            yield dg.AssetCheckResult(
                asset_key=key, check_name=SCHEMA, passed=False, description=str(problem)
            )
        case AlreadyPublished() | Superseded() | Overtaken() | SupersededHold():
            return  # nothing was checked, so there is no result to report
        case _ as unreachable:
            assert_never(unreachable)


def _rule_results(
    key: dg.AssetKey, check_result: CheckResult, severity: dg.AssetCheckSeverity
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of rules: with this severity if rows were rejected, else as a warning."""
    causes = _group_by_check(check_result.causes, SCHEMA)
    warnings = _group_by_check(
        [warning for warning in check_result.warnings if warning.severity == "warning"], WARNINGS
    )
    for name in (SCHEMA, KEYS):
        yield _rule_result(key, name, causes[name], severity)
    reference_severity = severity if causes[REFERENCES] else dg.AssetCheckSeverity.WARN
    orphans = [*causes[REFERENCES], *warnings[REFERENCES]]
    yield _rule_result(key, REFERENCES, orphans, reference_severity, check_result.unchecked)
    yield _rule_result(key, WARNINGS, warnings[WARNINGS], dg.AssetCheckSeverity.WARN)


def _group_by_check(causes: Iterable[Cause], default_check: str) -> Mapping[str, Sequence[Cause]]:
    """Group causes by the check that reports them."""
    found = defaultdict[str, list[Cause]](list)
    for cause in causes:
        found[CHECK_OF_CODE.get(cause.code, default_check)].append(cause)
    return found


def _rule_result(
    key: dg.AssetKey,
    name: str,
    causes: Sequence[Cause],
    severity: dg.AssetCheckSeverity,
    notes: Sequence[str] = (),
) -> dg.AssetCheckResult:
    text = "\n".join([*(str(cause) for cause in causes[:MAX_CAUSES]), *notes])
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not causes,
        severity=severity,
        description=text or None,
        metadata={
            "error types": len(causes),
            "violations": sum(cause.count for cause in causes),
        },
    )


def _row_count_result(
    key: dg.AssetKey, check_result: CheckResult, previous: Version | None
) -> dg.AssetCheckResult:
    rows = check_result.counts.rows_accepted
    before = previous.rows if previous else None
    is_plausible = rows > 0
    if before:
        is_plausible = PLAUSIBLE_SHRINKING * before <= rows <= PLAUSIBLE_GROWTH * before
    metadata: dict[str, int] = {"rows": rows}
    if before is not None:
        metadata["rows before"] = before
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=ROW_COUNT,
        passed=is_plausible,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _changes_result(
    key: dg.AssetKey, changes: Changes | None, hold_reasons: Sequence[str]
) -> dg.AssetCheckResult:
    """Warn about changes that hold a load for approval; a first load changes nothing."""
    counted = changes.to_json() if changes else {}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHANGES,
        passed=not hold_reasons,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(hold_reasons) or None,
        metadata={kind: counted[kind] for kind in KINDS if kind in counted},
    )
