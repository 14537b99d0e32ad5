"""The summary of a storm: counts for the last line, and every breach of a promise in words."""

from collections import Counter
from dataclasses import dataclass, field

BREACHES = ("lost", "doubled", "disordered", "untrue", "wrong", "overlapping", "mixed", "left")


@dataclass
class ChaosSummary:
    """What happened; without breaches every promise was kept."""

    counts: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)

    def breach(self, what: str, text: str) -> None:
        """Count a breach and add its description."""
        self.counts[what] += 1
        self.breaches.append(f"{what}: {text}")

    @property
    def tally(self) -> str:
        """Return the strikes by kind, the most frequent first."""
        return ", ".join(f"{kind} {count}" for kind, count in self.strikes.most_common() if count)

    @property
    def line(self) -> str:
        """Return all counts in one line, for programs to read."""
        counts = {"strikes": self.strikes.total(), **self.counts}
        counts |= {name: self.counts[name] for name in BREACHES}
        return " ".join(f"{name}={count}" for name, count in counts.items())
