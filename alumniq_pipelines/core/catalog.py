"""The catalog: all field maps of an installation, and the rules across them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.problems import UnknownFeed, UnknownJob


@dataclass(frozen=True, slots=True)
class Catalog:
    """Field maps by feed name, in order of wave and name."""

    feeds: Mapping[str, FieldMap]

    @classmethod
    def of(cls, *field_maps: FieldMap) -> Self:
        """Gather field maps; raises FieldMapProblem where two do not fit together."""
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
