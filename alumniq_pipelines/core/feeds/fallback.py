"""Which field maps are in force where some files of the folder are broken; pure.

A feed whose file cannot be used keeps its last good field map, and is disabled where it has none.
No feed is ever disabled because of another feed's file: of two files that claim one job the
unchanged one wins, or the feed of the job's own name where none had the job before; and a reference
that does not fit leaves its feed in force.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from alumniq_pipelines.core.feeds.catalog import find_cycle, reference_faults_across
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.field_map_error import Fault

LastGood = Callable[[str], FieldMap | None]
"""Reads the last good field map of a feed, None where none was ever saved."""


@dataclass(kw_only=True)
class Fallback:
    """The field maps in force by feed, and the faults across files that were found on the way.

    `files` has every file of the folder by its feed: None where the file itself is broken.
    """

    files: Mapping[str, FieldMap | None]
    last_good: LastGood
    in_force: dict[str, FieldMap] = field(default_factory=dict)
    faults: dict[tuple[str, Fault], None] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Mapping[str, FieldMap | None], last_good: LastGood) -> "Fallback":
        """Choose a field map for every feed that has one."""
        made = cls(files=files, last_good=last_good)
        for feed, file in files.items():
            found = last_good(feed) if file is None else file
            if found is not None:
                made.in_force[feed] = found
        # Every pass moves a feed to its last good map or to none, so this comes to an end.
        while made.resolve_jobs() or made.resolve_references():
            pass
        return made

    def resolve_jobs(self) -> bool:
        """Give each job to one feed only; return whether anything changed."""
        changed = False
        for feed, fault in list(self._job_conflicts()):
            self._note(feed, fault)
            changed = self._fall_back(feed) or self.in_force.pop(feed, None) is not None or changed
        return changed

    def resolve_references(self) -> bool:
        """Undo what made references invalid; return whether anything changed."""
        changed = False
        field_maps = list(self.in_force.values())
        # What refers to a disabled feed cannot be checked: the columns there are not known.
        disabled = self.files.keys() - self.in_force.keys()
        conflicts = list(reference_faults_across(field_maps, unknowable=disabled))
        cycle = find_cycle(field_maps)
        text = f"`foreignKeys` lead in a circle: {' → '.join(cycle)}"
        fault_of_cycle = Fault(("schema", "foreignKeys"), text)
        # The feeds that changed are at fault for a circle, or all in it if none did.
        at_fault = [feed for feed in cycle if not self._is_unchanged(feed)] or cycle
        conflicts += [(feed, fault_of_cycle) for feed in dict.fromkeys(at_fault)]
        for feed, fault in conflicts:
            self._note(feed, fault)
            changed = self._fall_back(feed) or changed
        return changed

    def _note(self, feed: str, fault: Fault) -> None:
        """Record a fault of a file, unless the last good map is in force in its place."""
        if self.in_force[feed] == self.files[feed]:
            self.faults[feed, fault] = None

    def _fall_back(self, feed: str) -> bool:
        """Put the last good map in force; False where there is none, or it is so already."""
        last_good = self.last_good(feed)
        if last_good is None or last_good == self.in_force[feed]:
            return False
        self.in_force[feed] = last_good
        return True

    def _is_unchanged(self, feed: str) -> bool:
        return self.in_force[feed] == self.last_good(feed)

    def _job_conflicts(self) -> Iterator[tuple[str, Fault]]:
        """Find the feeds that must give up a job: all but the one that had it before.

        Where none is known to have had it, the feed with the job's own name has it.
        """
        feeds_by_job: dict[str, list[str]] = {}
        for feed, field_map in self.in_force.items():
            feeds_by_job.setdefault(field_map.alumniq.job, []).append(feed)
        for job, feeds in feeds_by_job.items():
            if len(feeds) == 1:
                continue
            unchanged = [feed for feed in feeds if self._is_unchanged(feed)]
            owner = unchanged if len(unchanged) == 1 else []
            before = filter(None, map(self.last_good, feeds))
            if not any(last_good.alumniq.job == job for last_good in before):
                owner = [feed for feed in feeds if feed == job]
            for feed in (candidate for candidate in feeds if candidate not in owner):
                other = next(candidate for candidate in (*owner, *feeds) if candidate != feed)
                text = f"`job`: {job} is the job of feed `{other}` too"
                yield feed, Fault(("alumniq", "job"), text)
