"""What a program made of a file, and the frame of the programs that are compared."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

DATABASE = "warehouse.duckdb"
"""Where a peer puts the accepted rows, into a table `warehouse`."""
REJECTED = "rejected.csv"
"""Where it puts the rejected rows with their reasons."""
UNREADABLE = "unreadable.csv"
"""Where it puts the lines that are no rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """How many rows were accepted and rejected, and how many faults were found, by their code."""

    accepted: int
    rejected: int
    faults: Mapping[str, int]

    @classmethod
    def of(
        cls, accepted: int, rejected: int, faults: Mapping[str, int], unreadable: int = 0
    ) -> "Findings":
        """Return the findings where lines that are no rows are counted apart from the others."""
        ragged = {"ragged-row": unreadable} if unreadable else {}
        counts = {code: int(count) for code, count in faults.items()}
        return cls(accepted=accepted, rejected=rejected + unreadable, faults=counts | ragged)

    def to_json(self) -> str:
        """Serialize it as what a program prints."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, printed: str | bytes) -> "Findings":
        """Read what `to_json` wrote."""
        return cls(**json.loads(printed))


def run_peer(load: Callable[[Path, Path], Findings]) -> None:
    """Load the file into the folder, both named on the command line, and print the findings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(load(arguments.file, arguments.folder).to_json())
