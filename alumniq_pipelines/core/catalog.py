"""The catalog: all field maps of an installation, and the rules across them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Self

from alumniq_pipelines.core.fault import Fault, Path
from alumniq_pipelines.core.field_map import FieldMap, ForeignKey
from alumniq_pipelines.core.field_map_rules import faults_of
from alumniq_pipelines.core.foreign_key_rules import reference_faults
from alumniq_pipelines.core.near_miss import did_you_mean
from alumniq_pipelines.core.problems.command import UnknownFeed
from alumniq_pipelines.core.problems.request import UnknownJob
from alumniq_pipelines.core.problems.setup import FieldMapProblem


@dataclass(frozen=True, slots=True)
class Catalog:
    """Field maps by feed name, in order of wave and name."""

    feeds: Mapping[str, FieldMap]

    @classmethod
    def of(cls, *field_maps: FieldMap) -> Self:
        """Gather field maps; raises FieldMapProblem where one is wrong or two do not fit."""
        faults = [(each.name, fault) for each in field_maps for fault in faults_of(each)]
        faults += faults_across(field_maps)
        if faults:
            raise FieldMapProblem([f"{feed}: {fault.message}" for feed, fault in faults])
        ordered = sorted(field_maps, key=lambda each: (each.alumniq.wave, each.name))
        return cls({each.name: each for each in ordered})

    def __iter__(self) -> Iterator[FieldMap]:
        """Go through the field maps in order of wave and name."""
        return iter(self.feeds.values())

    def feed(self, name: str) -> FieldMap:
        """Look a feed up by name; raises UnknownFeed."""
        if name not in self.feeds:
            raise UnknownFeed(name, tuple(self.feeds))
        return self.feeds[name]

    def feed_of_job(self, job: str) -> FieldMap:
        """Look a feed up by its job name in the URL; raises UnknownJob."""
        for field_map in self:
            if field_map.alumniq.job == job:
                return field_map
        raise UnknownJob(job)


def faults_across(field_maps: Sequence[FieldMap]) -> Iterator[tuple[str, Fault]]:
    """Find what does not fit between field maps, each with the feed that has to be mended."""
    by_name: dict[str, FieldMap] = {}
    by_job: dict[str, str] = {}
    for each in field_maps:
        if each.name in by_name:
            yield each.name, Fault(("name",), f"`name`: there is another feed `{each.name}`")
        job = each.alumniq.job
        if job in by_job:
            text = f"`job`: {job} is the job of feed `{by_job[job]}` already"
            yield each.name, Fault(("alumniq", "job"), text)
        by_name.setdefault(each.name, each)
        by_job.setdefault(job, each.name)
    for each in field_maps:
        for index, key in enumerate(each.table_schema.foreign_keys):
            path: Path = ("schema", "foreignKeys", index, "reference")
            for last, text in _reference_faults(key, each, by_name):
                yield each.name, Fault((*path, last), text)
    yield from _cycle_faults(field_maps)


def _reference_faults(
    key: ForeignKey, field_map: FieldMap, by_name: Mapping[str, FieldMap]
) -> Iterator[tuple[str, str]]:
    """Hold a foreign key against the other feed that it names, if it names another."""
    resource = key.reference.resource
    if resource in {"", field_map.name}:
        return
    if resource not in by_name:
        hint = did_you_mean(resource, by_name, f"known feeds: {', '.join(by_name)}")
        yield "resource", f"`resource` is the unknown feed `{resource}`; {hint}"
        return
    yield from reference_faults(key, field_map, by_name[resource])


def _cycle_faults(field_maps: Sequence[FieldMap]) -> Iterator[tuple[str, Fault]]:
    """Refuse feeds that refer to one another in a circle: none could be loaded first."""
    graph = {
        each.name: {
            key.reference.resource
            for key in each.table_schema.foreign_keys
            if key.reference.resource not in {"", each.name}
        }
        for each in field_maps
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        text = f"`foreignKeys` lead in a circle: {' → '.join(reversed(circle))}"
        yield circle[0], Fault(("schema", "foreignKeys"), text)
