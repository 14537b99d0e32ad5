"""The catalog: all field maps of an installation, and the rules across them."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Self

from alumniq_pipelines.core.feeds.did_you_mean import did_you_mean
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.field_map_error import Fault, Path
from alumniq_pipelines.core.feeds.foreign_keys import reference_faults
from alumniq_pipelines.core.feeds.validation import validate_field_map
from alumniq_pipelines.core.problems.command import UnknownFeed
from alumniq_pipelines.core.problems.outage import FeedUnavailable
from alumniq_pipelines.core.problems.request import UnknownJob
from alumniq_pipelines.core.problems.setup import FeedDisabled, FieldMapProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFieldMap:
    """A file of the folder that cannot be used as it is; `feed` is its name.

    `faults` each name file, line and what is wrong. `jobs` are the job names that it claims, as far
    as they can be read.
    """

    feed: str
    faults: tuple[str, ...]
    jobs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The field maps in force by feed name, in order of wave and name.

    A feed whose file is broken is in `broken`, and in `feeds` too if its last good field map is in
    force; otherwise it is disabled.
    """

    feeds: Mapping[str, FieldMap]
    broken: Mapping[str, BrokenFieldMap] = field(default_factory=dict)

    @classmethod
    def of(cls, *field_maps: FieldMap) -> Self:
        """Build the catalog; raises FieldMapProblem where one is wrong or two do not fit."""
        faults = [
            (field_map.name, fault)
            for field_map in field_maps
            for fault in validate_field_map(field_map)
        ]
        faults += faults_across(field_maps)
        if faults:
            raise FieldMapProblem([f"{feed}: {fault.message}" for feed, fault in faults])
        return cls.in_force(field_maps)

    @classmethod
    def in_force(
        cls, field_maps: Iterable[FieldMap], broken: Mapping[str, BrokenFieldMap] | None = None
    ) -> Self:
        """Build the catalog from field maps that were checked before and files that are broken."""
        ordered = sorted(field_maps, key=lambda field_map: (field_map.alumniq.wave, field_map.name))
        return cls({field_map.name: field_map for field_map in ordered}, broken or {})

    def __iter__(self) -> Iterator[FieldMap]:
        """Yield the field maps in order of wave and name."""
        return iter(self.feeds.values())

    @property
    def disabled(self) -> Sequence[str]:
        """List the feeds whose file is broken and that have no last good field map."""
        return [feed for feed in self.broken if feed not in self.feeds]

    def feed(self, name: str) -> FieldMap:
        """Look a feed up by name; raises UnknownFeed and FeedDisabled."""
        if self.known(name) not in self.feeds:
            raise FeedDisabled(name, self.broken[name].faults)
        return self.feeds[name]

    def known(self, name: str) -> str:
        """Return the name of an existing feed, disabled or not; raises UnknownFeed."""
        if name not in self.feeds and name not in self.broken:
            raise UnknownFeed(name, tuple(self.feeds))
        return name

    def feed_of_job(self, job: str) -> FieldMap:
        """Look a feed up by its job name in the URL; raises UnknownJob and FeedUnavailable."""
        feed = self.feed_name_of_job(job)
        if feed not in self.feeds:
            raise FeedUnavailable(job)
        return self.feeds[feed]

    def feed_name_of_job(self, job: str) -> str:
        """Return the feed of a job, even if it is disabled; raises UnknownJob."""
        for field_map in self:
            if field_map.alumniq.job == job:
                return field_map.name
        for feed in self.disabled:
            if job in self.broken[feed].jobs:
                return feed
        raise UnknownJob(job)

    def parents(self, field_map: FieldMap) -> set[str]:
        """List the other feeds in force that a feed refers to; a circle is cut somewhere."""
        graph = _references(self)
        while cycle := _find_cycle(graph):
            for feed, parent in pairwise(cycle):
                graph[feed].discard(parent)
        return graph.get(field_map.name, set()) & self.feeds.keys()


def faults_across(field_maps: Sequence[FieldMap]) -> Iterator[tuple[str, Fault]]:
    """Find what does not fit between field maps, each with the feed that has to be fixed."""
    by_name: dict[str, FieldMap] = {}
    by_job: dict[str, str] = {}
    for field_map in field_maps:
        if field_map.name in by_name:
            yield (
                field_map.name,
                Fault(("name",), f"`name`: there is another feed `{field_map.name}`"),
            )
        job = field_map.alumniq.job
        if job in by_job:
            text = f"`job`: {job} is the job of feed `{by_job[job]}` already"
            yield field_map.name, Fault(("alumniq", "job"), text)
        by_name.setdefault(field_map.name, field_map)
        by_job.setdefault(job, field_map.name)
    yield from reference_faults_across(field_maps)
    if cycle := find_cycle(field_maps):
        text = f"`foreignKeys` lead in a circle: {' → '.join(cycle)}"
        yield cycle[-1], Fault(("schema", "foreignKeys"), text)


def reference_faults_across(
    field_maps: Iterable[FieldMap], unknowable: Container[str] = ()
) -> Iterator[tuple[str, Fault]]:
    """Find foreign keys that do not fit what they refer to.

    References to feeds in `unknowable` are skipped: the columns of these are not known.
    """
    by_name: dict[str, FieldMap] = {}
    for field_map in field_maps:
        by_name.setdefault(field_map.name, field_map)
    for field_map in by_name.values():
        for index, key in enumerate(field_map.table_schema.foreign_keys):
            resource = key.reference.resource
            # References of a feed to itself are checked with the field map alone.
            if resource in {"", field_map.name} or resource in unknowable:
                continue
            path: Path = ("schema", "foreignKeys", index, "reference")
            if resource not in by_name:
                hint = did_you_mean(resource, by_name, f"known feeds: {', '.join(by_name)}")
                text = f"`resource` is the unknown feed `{resource}`; {hint}"
                yield field_map.name, Fault((*path, "resource"), text)
                continue
            for last, text in reference_faults(key, field_map, by_name[resource]):
                yield field_map.name, Fault((*path, last), text)


def find_cycle(field_maps: Iterable[FieldMap]) -> list[str]:
    """Find feeds that refer to one another in a circle, none of which could be loaded first.

    Each refers to the one after it, and the last one is the first again.
    """
    return _find_cycle(_references(field_maps))


def _references(field_maps: Iterable[FieldMap]) -> dict[str, set[str]]:
    return {
        field_map.name: {
            key.reference.resource
            for key in field_map.table_schema.foreign_keys
            if key.reference.resource not in {"", field_map.name}
        }
        for field_map in field_maps
    }


def _find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle[::-1]
    return []
