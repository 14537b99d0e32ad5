"""The files that customers send: how many of their rows are good and how many are bad is known."""

from dataclasses import dataclass
from random import Random

from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.target import Target

HEADER = '"list","code","description","sortOrder","isActive"\n'
MAX_REJECTED = 20
"""The bad rows that every target tolerates."""
MIN_ROWS, MAX_ROWS = 50, 500
TOLERATED_SHARE, REFUSED_SHARE = 0.3, 0.1


@dataclass(frozen=True)
class SentFile:
    """A file that was delivered: every good row has the file's name in it."""

    target: Target
    filename: str
    good_rows: int
    bad_rows: int

    @property
    def counts(self) -> Counts:
        """What every report about the file must say."""
        return Counts(self.good_rows + self.bad_rows, self.good_rows, self.bad_rows)

    @property
    def is_acceptable(self) -> bool:
        """Whether its good rows may be published."""
        return self.bad_rows <= MAX_REJECTED

    @property
    def content(self) -> str:
        """The text of the file; a bad row has no code."""
        rows = [
            f'"unit","{code}","{self.filename}","{code}","true"\n' for code in range(self.good_rows)
        ]
        return HEADER + "".join(rows) + '"unit","","no code","1","true"\n' * self.bad_rows


def draw_file(rng: Random, target: Target, number: int) -> SentFile:
    """Return a file: most are clean, some have a few bad rows, some have too many."""
    chance = rng.random()
    bad_rows = 0
    if chance < REFUSED_SHARE:
        bad_rows = rng.randint(MAX_REJECTED + 1, MAX_REJECTED + 10)
    elif chance < REFUSED_SHARE + TOLERATED_SHARE:
        bad_rows = rng.randint(1, MAX_REJECTED)
    return SentFile(target, f"lookups-{number}.csv", rng.randint(MIN_ROWS, MAX_ROWS), bad_rows)
