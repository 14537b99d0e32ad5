"""A warehouse in memory, whose publications can be paused between any two of their steps.

`tests/integration/test_memory_warehouse.py` keeps it honest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import (
    AcceptedRows,
    BeforePointerMoves,
    LiveRows,
    Version,
    no_claim,
)
from alumniq_pipelines.core.problems.command import UnknownVersion
from alumniq_pipelines.core.problems.outage import VersionNumberTaken, WarehouseUnavailable
from alumniq_pipelines.core.problems.run import AttemptOver


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A complete version that is not live yet; `attempt` is the rest of its token."""

    version: Version
    attempt: int


@dataclass
class MemoryWarehouse:
    """Implements core's Warehouse, but for its rows.

    `moves` are all moves of pointers, in order: the version, and the attempt at its load that moved
    the pointer, or None where a person did.
    """

    is_away: bool = False
    moves: list[tuple[Version, int | None]] = field(default_factory=list)
    _live: dict[Target, int] = field(default_factory=dict)
    _revoked: set[tuple[Target, int, int]] = field(default_factory=set)

    @property
    def moves_files(self) -> bool:
        """Never: there are no rows."""
        return False

    def live(self, target: Target) -> Version | None:
        """Return the version that readers see now."""
        self._respond()
        number = self._live.get(target)
        return None if number is None else self._stored(target)[number]

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """Raise NotImplementedError: there are no rows."""
        raise NotImplementedError

    def publish(
        self,
        target: Target,
        field_map: FieldMap,
        accepted: AcceptedRows,
        *,
        number: int,
        job_id: JobId,
        now: datetime,
        attempt: int = 1,
        before_pointer_moves: BeforePointerMoves = no_claim,
    ) -> Version:
        """Complete a new version, then move the pointer to it."""
        del field_map
        version = Version(
            target=target,
            number=number,
            job_id=job_id,
            rows=accepted.rows,
            sha256=accepted.sha256,
            etag=accepted.etag,
            relation=f"{target.feed}_{number}",
            published_at=now,
        )
        if self.will_move(version):
            before_pointer_moves()
        return self.move_pointer(Publication(version=version, attempt=attempt))

    def will_move(self, version: Version) -> bool:
        """Return whether publishing a version would move the pointer: none as new is live."""
        live = self.live(version.target)
        return live is None or live.number < version.number

    def move_pointer(self, publication: Publication) -> Version:
        """Publish a prepared version, unless a newer one is live; raises AttemptOver if revoked."""
        version = publication.version
        stored = self._stored(version.target).get(version.number)
        if stored is not None and stored.job_id != version.job_id:
            raise VersionNumberTaken(str(version.target), version.number)
        if not self.will_move(version):
            live = self.live(version.target)
            assert live
            return live
        if (version.target, version.number, publication.attempt) in self._revoked:
            raise AttemptOver(version.job_id)
        self.moves.append((version, publication.attempt))
        self._live[version.target] = version.number
        return version

    def revoke(self, target: Target, *, number: int, attempt: int) -> None:
        """Ensure that this attempt at a load can never move the pointer any more."""
        self._respond()
        self._revoked.add((target, number, attempt))

    def make_live(self, target: Target, number: int, now: datetime) -> Version:
        """Move the pointer to a stored version."""
        del now
        self._respond()
        stored = self._stored(target)
        if number not in stored:
            raise UnknownVersion(str(target), number, sorted(stored, reverse=True))
        self.moves.append((stored[number], None))
        self._live[target] = number
        return stored[number]

    def versions(self, target: Target) -> Sequence[Version]:
        """List the stored versions, newest first."""
        self._respond()
        stored = self._stored(target)
        return [stored[number] for number in sorted(stored, reverse=True)]

    def targets(self) -> Sequence[Target]:
        """List the targets that have a version."""
        self._respond()
        return sorted(self._live, key=str)

    def highest_number(self, target: Target | None = None) -> int:
        """Return the highest number of a target's versions and tokens, or of all targets."""
        self._respond()
        versions = [(version.target, version.number) for version, _ in self.moves]
        traces = [*versions, *((revoked, number) for revoked, number, _ in self._revoked)]
        return max((number for owner, number in traces if target in {None, owner}), default=0)

    def query(
        self, customer: str, environment: str, sql: str, limit: int | None = None
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        """Raise NotImplementedError: there are no rows."""
        raise NotImplementedError

    def _stored(self, target: Target) -> dict[int, Version]:
        return {version.number: version for version, _ in self.moves if version.target == target}

    def _respond(self) -> None:
        if self.is_away:
            reason = "Away"
            raise WarehouseUnavailable(reason)
