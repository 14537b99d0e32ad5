"""A simulated year: three customers send a file every night, and now and then one is damaged.

    python -m benchmarks.simulated_year

Every file goes the whole way of a load but for Dagster, with a clock that is set: it is fetched,
checked, compared, published or held, and recorded in a ledger. What became of the damaged ones is
written into docs/holding.md; with `--nights 36` it is only printed.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.baseline import ROLLBACK
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.services.attempt import attempt, record_publication
from alumniq_pipelines.services.load_actions import approve, discard
from alumniq_pipelines.services.load_context import LoadContext
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.nightly_files import DAMAGES, HABITS, Damage, Habits, Register, write
from benchmarks.results import write_section

FIRST_NIGHT = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
NIGHTS = 365
PAGE = REPOSITORY / "docs" / "holding.md"
FILE = "warehouse.csv"
PUBLIC_URLS = PublicUrls.shared("https://feeds.example.edu")
WHY = "Decided in the morning."


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What became of the file of a customer in a night: its load's state, and the reasons."""

    number: int
    customer: str
    damage: Damage | None
    state: LoadState
    reasons: tuple[str, ...] = ()

    @property
    def is_caught(self) -> bool:
        """Whether the file was held or refused."""
        return self.state is not LoadState.SUCCEEDED


@dataclass
class Installation:
    """A ledger, a bucket for each customer, an archive and a warehouse; and what time it is."""

    folder: Path
    ledger: Ledger
    now: datetime = FIRST_NIGHT

    def __post_init__(self) -> None:
        """Add the customers."""
        self.field_map = read_field_map(REPOSITORY / "schemas" / "warehouse.yaml")
        self.warehouse = DuckDBWarehouse(self.folder / "warehouse")
        self.buckets = FolderBuckets(self.folder / "buckets", settle_seconds=0)
        self.context = LoadContext(
            ledger=self.ledger,
            buckets=self.buckets,
            warehouse=self.warehouse,
            scratch=self.folder / "scratch",
            archive=FolderArchive(self.folder / "archive"),
            clock=lambda: self.now,
            log=logging.getLogger(__name__),
            public_urls=PUBLIC_URLS,
        )
        for customer in HABITS:
            self.ledger.customers.add(Customer(customer, customer, customer), self.now)
            self.buckets.create(customer)

    def load(self, target: Target, content: str) -> Load:
        """Deliver a file and load it."""
        folder = self.buckets.open(target.customer).root / "production" / "warehouse"
        (folder / FILE).write_text(content, "utf-8")
        request = LoadRequest(new_job_id(), target, FILE, None, None)
        return self.run(self.ledger.loads.accept(request, self.now))

    def run(self, load: Load) -> Load:
        """Make an attempt at a load, and return it as it is then."""
        outcome = attempt(load, load.launch, load.job_id, self.field_map, self.context)
        if outcome.is_publication:
            record_publication(load, outcome, self.context)
        return self._again(load.job_id)

    def decide(self, load: Load, damage: Damage) -> None:
        """Do in the morning what staff do about a damaged file."""
        self.now += timedelta(hours=6)
        if load.state is LoadState.HELD and damage.then == "approve":
            approve(self.ledger, load.job_id, WHY, "ada", self.now)
            self.run(self._again(load.job_id))
        elif load.state is LoadState.HELD:
            discard(self.ledger, load.job_id, WHY, "ada", self.now, public_urls=PUBLIC_URLS)
        elif load.state is LoadState.SUCCEEDED and damage.then == "rollback":
            _, before, *_ = self.warehouse.versions(load.target)
            self.warehouse.make_live(load.target, before.number, self.now)
            detail = {"from": load.number, "to": before.number}
            self.ledger.audit.add("ada", ROLLBACK, str(load.target), self.now, detail=detail)

    def reasons(self, load: Load) -> tuple[str, ...]:
        """Return why a load is held or was refused."""
        hold = self.ledger.holds.get(load.job_id)
        return hold.reasons if hold else load.errors

    def _again(self, job_id: JobId) -> Load:
        load = self.ledger.loads.get(job_id)
        if load is None:
            raise KeyError(job_id)
        return load


@dataclass(frozen=True, slots=True)
class Year:
    """All nights of a simulation."""

    nights: Sequence[Night] = field(default_factory=list)

    @property
    def false_alarms(self) -> list[Night]:
        """The ordinary files that were held or refused."""
        return [night for night in self.nights if night.damage is None and night.is_caught]

    def of(self, damage: Damage) -> list[Night]:
        """Return the nights of a damage, in order."""
        return [night for night in self.nights if night.damage is damage]

    def caught_on(self, damage: Damage) -> int | None:
        """Return on which of its nights a damage was held or refused first."""
        found = (number for number, night in enumerate(self.of(damage), 1) if night.is_caught)
        return next(found, None)


def simulate(
    folder: Path,
    nights: int = NIGHTS,
    habits: Mapping[str, Habits] = HABITS,
    damages: Sequence[Damage] = DAMAGES,
) -> Year:
    """Let so many nights pass."""
    with closing(Ledger.open(f"sqlite:///{folder / 'ledger.db'}")) as ledger:
        ledger.migrate()
        installation = Installation(folder, ledger)
        registers = {customer: Register(customer, own) for customer, own in habits.items()}
        return Year(
            [
                _pass_night(
                    installation, number, customer, register, _damage_on(number, customer, damages)
                )
                for number in range(1, nights + 1)
                for customer, register in registers.items()
            ]
        )


def _pass_night(
    installation: Installation,
    number: int,
    customer: str,
    register: Register,
    damage: Damage | None,
) -> Night:
    installation.now = FIRST_NIGHT + timedelta(days=number - 1)
    register.pass_night(number)
    content = write(register.table)
    if damage is not None:
        content = damage.break_file(register.table, number - damage.night + 1)
    load = installation.load(Target(customer, Environment.PRODUCTION, "warehouse"), content)
    night = Night(
        number=number,
        customer=customer,
        damage=damage,
        state=load.state,
        reasons=installation.reasons(load),
    )
    if damage is not None:
        installation.decide(load, damage)
        if damage.then == "approve":
            register.go_on_from(content)
    return night


def _damage_on(number: int, customer: str, damages: Sequence[Damage]) -> Damage | None:
    found = (
        damage
        for damage in damages
        if damage.customer == customer and damage.night <= number < damage.night + damage.nights
    )
    return next(found, None)


def table(year: Year) -> Iterator[str]:
    """Yield the lines of the table of damaged files."""
    yield "| night | customer | what was wrong with the file | what became of it |"
    yield "|---|---|---|---|"
    for damage in DAMAGES:
        nights, caught = year.of(damage), year.caught_on(damage)
        if not nights:
            continue
        last = damage.night + len(nights) - 1
        when = f"{damage.night}" if len(nights) == 1 else f"{damage.night} to {last}"
        yield f"| {when} | {damage.customer} | {damage.what} | {fate(damage, nights, caught)} |"


def fate(damage: Damage, nights: Sequence[Night], caught: int | None) -> str:
    """Return what became of the files of a damage, with the first reason."""
    if caught is None:
        then = "; rolled back by a person" if damage.then == "rollback" else ""
        return f"published{then}"
    night = nights[caught - 1]
    ended = "held" if night.state is LoadState.HELD else "refused"
    when = "" if len(nights) == 1 else f" on night {damage.night + caught - 1}"
    then = " and approved, once" if damage.then == "approve" else ""
    return f"{ended}{when}{then}: {night.reasons[0]}"


def main(arguments: Sequence[str] | None = None, page: Path = PAGE) -> None:
    """Simulate the year and write down what became of it; the page has whole years only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=NIGHTS, help="Fewer: write no page.")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        year = simulate(Path(folder), asked.nights)
    ordinary = [night for night in year.nights if night.damage is None]
    summary = (
        f"Three customers send a file of a few hundred people on {asked.nights} nights, "
        f"{len(year.nights):,} in all. Their registers change as registers do: people come and go, "
        "a class graduates, a purge takes some per cent, e-mail addresses are found and phone "
        "numbers get lost. Thresholds are the defaults. "
        f"{len(ordinary):,} files were in order: {len(year.false_alarms)} of them were held or "
        "refused. This is what became of the others; "
        "`python -m benchmarks.simulated_year` writes the table."
    )
    lines = [summary, "", *table(year)]
    for night in year.false_alarms:
        print(f"False alarm in night {night.number}, {night.customer}: {night.reasons}")
    print("\n".join(lines), f"\n{time.monotonic() - began:.0f} s")
    if asked.nights == NIGHTS:
        write_section("A simulated year", "\n".join(lines), page)


if __name__ == "__main__":
    with private_umask():
        main()
