"""The last good field map of every feed: a copy of its file, in force while the file is broken.

The copies are in the data folder, so that a start depends on files only:
docs/adr/last-good-field-maps-are-files.md.
"""

import os
import tempfile
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alumniq_pipelines.adapters.field_maps import FieldMapFolder, read_field_map, read_folder
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.problems.outage import FieldMapsNotSaved
from alumniq_pipelines.core.problems.setup import FieldMapProblem
from alumniq_pipelines.files.private_files import make_folder


@dataclass(frozen=True, slots=True)
class LastGoodFieldMaps:
    """The copies in one folder."""

    folder: Path

    def read(self, feed: str) -> FieldMap | None:
        """Read the last good field map of a feed; None if none was saved."""
        try:
            field_map = read_field_map(self._path(feed))
        except FieldMapProblem:  # also a copy that only an older release accepted
            return None
        return field_map if field_map.name == feed else None

    def read_schemas(self, schemas: Path) -> FieldMapFolder:
        """Read the folder of field maps, using the copies of those that are broken.

        Saves nothing. Raises FieldMapsMissing and FieldMapProblem, as read_folder does.
        """
        copies: dict[str, FieldMap | None] = {}

        def last_good(feed: str) -> FieldMap | None:
            if feed not in copies:
                copies[feed] = self.read(feed)
            return copies[feed]

        return read_folder(schemas, last_good)

    def save(self, good: Mapping[str, str], *, only_missing: bool = False) -> None:
        """Save texts of good field maps, each atomically; raises FieldMapsNotSaved."""
        try:
            make_folder(self.folder)
            for feed, text in good.items():
                path = self._path(feed)
                saved: str | None = None
                with suppress(FileNotFoundError, UnicodeDecodeError):
                    saved = path.read_bytes().decode("utf-8")
                if saved is None or (saved != text and not only_missing):
                    self._replace(path, text)
        except OSError as error:
            raise FieldMapsNotSaved(error.strerror or type(error).__name__) from None

    def remove_retired(self, files: Container[str], schemas: Path) -> None:
        """Delete the copies of feeds without a file: a later file of that name is a new feed.

        `files` are the feeds of a folder that was read completely. A file that exists again by now,
        as after an editor has replaced it, keeps its copy. Raises FieldMapsNotSaved.
        """
        try:
            for copy in self.folder.glob("[!.]*.yaml"):
                if copy.stem not in files and not os.path.lexists(schemas / copy.name):
                    copy.unlink(missing_ok=True)
        except OSError as error:
            raise FieldMapsNotSaved(error.strerror or type(error).__name__) from None

    def _path(self, feed: str) -> Path:
        return self.folder / f"{feed}.yaml"

    def _replace(self, path: Path, text: str) -> None:
        """Replace a file atomically; mkstemp makes it private from its first byte."""
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
