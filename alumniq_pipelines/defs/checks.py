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
from alumniq_pipelines.services.attempt import AttemptOutcome
from alumniq_pipelines.services.load import LoadResult

CHECK_OF_CODE = {Rule.PRIMARY_KEY.value: KEYS, Rule.FOREIGN_KEY.value: REFERENCES}
"""Which check tells of causes that have one of their own; all others are the schema's."""

MAX_CAUSES = 20

PLAUSIBLE_SHRINKING = 0.5
PLAUSIBLE_GROWTH = 2.0
"""Daily files of one feed differ by a few per cent; half or twice the rows is worth a look."""


def check_results(key: dg.AssetKey, outcome: AttemptOutcome) -> Iterator[dg.AssetCheckResult]:
    """Answer the checks of a feed, as far as the attempt got."""
    if outcome.load_result:
        yield from _checked_file_results(key, outcome, outcome.load_result)
    elif outcome.result is AttemptResult.REFUSED and outcome.problem:
        yield dg.AssetCheckResult(
            asset_key=key, check_name=SCHEMA, passed=False, description=str(outcome.problem)
        )


def _checked_file_results(
    key: dg.AssetKey, outcome: AttemptOutcome, load_result: LoadResult
) -> Iterator[dg.AssetCheckResult]:
    is_refused = outcome.result is AttemptResult.REFUSED
    severity = dg.AssetCheckSeverity.ERROR if is_refused else dg.AssetCheckSeverity.WARN
    causes = _group_by_check(load_result.check_result.causes, SCHEMA)
    warnings = [
        remark for remark in load_result.check_result.remarks if remark.severity == "warning"
    ]
    warnings_by_check = _group_by_check(warnings, WARNINGS)
    for name in (SCHEMA, KEYS):
        yield _rule_result(key, name, causes[name], severity)
    reference_severity = severity if causes[REFERENCES] else dg.AssetCheckSeverity.WARN
    orphans = [*causes[REFERENCES], *warnings_by_check[REFERENCES]]
    yield _rule_result(
        key, REFERENCES, orphans, reference_severity, load_result.check_result.unchecked
    )
    yield _rule_result(key, WARNINGS, warnings_by_check[WARNINGS], dg.AssetCheckSeverity.WARN)
    yield _row_count_result(key, outcome, load_result)
    yield _changes_result(key, load_result)


def _group_by_check(causes: Iterable[Cause], default_check: str) -> Mapping[str, Sequence[Cause]]:
    """Sort causes by the check that tells of them."""
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
            "kinds of error": len(causes),
            "places": sum(cause.count for cause in causes),
        },
    )


def _row_count_result(
    key: dg.AssetKey, outcome: AttemptOutcome, load_result: LoadResult
) -> dg.AssetCheckResult:
    rows = load_result.check_result.counts.rows_accepted
    before = outcome.previous.rows if outcome.previous else None
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


def _changes_result(key: dg.AssetKey, load_result: LoadResult) -> dg.AssetCheckResult:
    """Warn of what is held for a person; a first load changes nothing."""
    counted = load_result.changes.to_json() if load_result.changes else {}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHANGES,
        passed=not load_result.reasons_held,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(load_result.reasons_held) or None,
        metadata={kind: counted[kind] for kind in KINDS if kind in counted},
    )


def _is_plausible(rows: int, before: int | None) -> bool:
    if not before:
        return rows > 0
    return PLAUSIBLE_SHRINKING * before <= rows <= PLAUSIBLE_GROWTH * before
