"""What was measured of the programs that are compared, and the table that shows it."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic.dataclasses import dataclass

from benchmarks.loading import BARE
from benchmarks.peers.findings import Findings
from benchmarks.process_cost import Cost

MAX_SECONDS = 600
"""A program that takes longer is ended."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a program on a kind of file, and the bare load of the same round.

    `cost` and `findings` are None where it took longer than MAX_SECONDS.
    """

    program: str
    rows: int
    kind: str
    bare: Cost
    cost: Cost | None
    findings: Findings | None


Planted = Mapping[str, Mapping[str, int]]
"""By kind of file, how many faults of each code are in it."""


def table(runs: Sequence[Run], labels: Mapping[str, str], planted: Planted) -> str:
    """Format runs on files of one size as a Markdown table, in the order of the labels."""
    bare = [run.bare for run in runs]
    seconds = statistics.median(cost.seconds for cost in bare)
    lines = [
        f"| | {' | '.join(planted)} | memory, MB | faults found | rows rejected |",
        f"|---|{'---|' * len(planted)}---|---|---|",
        f"| {BARE}: {seconds:.2f} s | 1.0 |{' |' * (len(planted) - 1)} {_memory(bare)} | | |",
    ]
    for program, label in labels.items():
        own = [run for run in runs if run.program == program]
        if own:
            ratios = [_ratios([run for run in own if run.kind == kind]) for kind in planted]
            memory = _memory([run.cost for run in own if run.cost])
            found = {run.kind: run.findings for run in own if run.findings}
            faults, rejected = _faults_found(found, planted), _rows_rejected(found, planted, own)
            cells = [label, *ratios, memory, faults, rejected]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratios(runs: Sequence[Run]) -> str:
    """Relate runs to the bare loads of their rounds, by the clock and of processors."""
    if not runs:
        return ""
    costs = [(run.cost, run.bare) for run in runs if run.cost]
    if len(costs) < len(runs):
        return f"> {MAX_SECONDS / statistics.median(run.bare.seconds for run in runs):.0f}"
    seconds = statistics.median(cost.seconds / bare.seconds for cost, bare in costs)
    cpu = statistics.median(cost.cpu_seconds / bare.cpu_seconds for cost, bare in costs)
    return f"{seconds:.2f} ({cpu:.2f})"


def _memory(costs: Sequence[Cost]) -> str:
    peaks = [cost.peak_bytes / 1e6 for cost in costs]
    return f"{min(peaks):,.0f} to {max(peaks):,.0f}" if peaks else ""


def _faults_found(found: Mapping[str, Findings], planted: Planted) -> str:
    """Return how many faults of all files were found, and of which kinds not all or too many."""
    known, expected = Counter[str](), Counter[str]()
    for kind, findings in found.items():
        known.update(findings.faults)
        expected.update(planted[kind])
    if not found:
        return ""
    if known == expected:
        return f"all {expected.total():,}"
    wrong = [
        f"`{code}` {known[code]:,} of {expected[code]:,}"
        for code in sorted(known | expected)
        if known[code] != expected[code]
    ]
    return f"{(known & expected).total():,} of {expected.total():,}: {', '.join(wrong)}"


def _rows_rejected(found: Mapping[str, Findings], planted: Planted, runs: Sequence[Run]) -> str:
    """Return how many rows were rejected; each planted fault is in a row of its own."""
    expected = sum(sum(planted[kind].values()) for kind in found)
    rejected = sum(findings.rejected for findings in found.values())
    rows = runs[0].rows
    lost = sum(rows - findings.accepted - findings.rejected for findings in found.values())
    if not found:
        return ""
    counts = f"{rejected:,} of {expected:,}" if rejected != expected else f"all {expected:,}"
    return f"{counts}; {lost:,} neither accepted nor rejected" if lost else counts
