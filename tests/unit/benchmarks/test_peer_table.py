"""The table that shows how loads compare with other tools."""

from collections import Counter

from benchmarks.peers.comparison import Run, table
from benchmarks.peers.findings import Findings
from benchmarks.process_cost import Cost

PLANTED = {"clean": Counter[str](), "bad": Counter({"length": 2, "ragged-row": 1})}


def run(program: str, kind: str, seconds: float | None, **found: int) -> Run:
    """Return a run on 10 rows beside a bare load of 2 seconds."""
    faults = {code.replace("_", "-"): count for code, count in found.items()}
    rejected = sum(faults.values())
    return Run(
        program=program,
        rows=10,
        kind=kind,
        bare=Cost(2.0, 1.0, 10_000_000),
        cost=None if seconds is None else Cost(seconds, 3.0, int(seconds * 1e6)),
        findings=None
        if seconds is None
        else Findings(accepted=10 - rejected, rejected=rejected, faults=faults),
    )


def test_the_table_shows_medians_of_ratios_and_who_found_what() -> None:
    runs = [
        *(run("good", "clean", seconds) for seconds in (2.0, 8.0, 3.0)),
        *(run("good", "bad", seconds, length=2, ragged_row=1) for seconds in (4.0, 5.0, 6.0)),
        run("blind", "clean", 2.0),
        run("blind", "bad", 2.0, length=2),
        run("slow", "clean", None),
    ]
    labels = {"slow": "a slow one", "good": "a good one", "blind": "a blind", "none": "-"}
    assert table(runs, labels, PLANTED).splitlines()[2:] == [
        "| bare DuckDB load (checks nothing): 2.00 s | 1.0 | | 10 to 10 | | |",
        "| a slow one | > 300 |  |  |  |  |",
        "| a good one | 1.50 (3.00) | 2.50 (3.00) | 2 to 8 | all 3 | all 3 |",
        "| a blind | 1.00 (3.00) | 1.00 (3.00) | 2 to 2 | 2 of 3: `ragged-row` 0 of 1 | 2 of 3 |",
    ]


def test_the_table_shows_rows_that_were_lost_and_faults_that_are_none() -> None:
    lost = Run(
        program="one",
        rows=10,
        kind="bad",
        bare=Cost(2.0, 1.0, 1),
        cost=Cost(2.0, 1.0, 1),
        findings=Findings(accepted=5, rejected=4, faults={"length": 3, "ragged-row": 1}),
    )
    last = table([lost], {"one": "one"}, PLANTED).splitlines()[-1]
    assert last.endswith("| 3 of 3: `length` 3 of 2 | 4 of 3; 1 neither accepted nor rejected |")
