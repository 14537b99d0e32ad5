"""Reading field maps from YAML files."""

import hashlib
import logging
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alumniq_pipelines.adapters.yaml_document import YamlDocument, read_yaml
from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap, Catalog
from alumniq_pipelines.core.feeds.fallback import Fallback
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.field_map_error import Fault
from alumniq_pipelines.core.feeds.schema_errors import parse_field_map
from alumniq_pipelines.core.feeds.validation import validate_field_map
from alumniq_pipelines.core.problems.setup import FieldMapProblem, FieldMapsMissing
from alumniq_pipelines.core.trace import trace_of

logger = logging.getLogger(__name__)

SUFFIX = ".yaml"
DIGEST_CHARACTERS = 16

MAX_BYTES = 1_000_000
"""Our largest field map has 10,000; without a limit, one file could use up all memory."""

JOB_LINE = re.compile(r"^\s+job:\s*[\"']?([a-z][a-z0-9-]*)[\"']?\s*$", re.MULTILINE)
"""A job name in a file that is not YAML, so that a call of that job is recognized as our fault."""


@dataclass(slots=True)
class FieldMapFile:
    """One file, parsed as far as possible: `field_map` is None if its structure is wrong."""

    path: Path
    text: str = ""
    document: YamlDocument = field(default_factory=YamlDocument)
    field_map: FieldMap | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def feed(self) -> str:
        """The feed that the file name names, whether the file is broken or not."""
        return os.fsencode(self.path.stem).decode("utf-8", "backslashreplace")

    @property
    def jobs(self) -> frozenset[str]:
        """The job names in the file, as far as they can be read."""
        named = {self.feed, *JOB_LINE.findall(self.text)}
        if self.field_map is not None:
            named |= {self.field_map.name, self.field_map.alumniq.job}
        return frozenset(named)

    def describe(self, fault: Fault, name: str) -> str:
        """Format a fault with its location: file, line, field."""
        line = self.document.line(fault.path)
        where = [name, f"line {line}" if line else "", fault.where(self.document.value)]
        return f"{', '.join(part for part in where if part)}: {fault.message}"


@dataclass(frozen=True, slots=True)
class FieldMapFolder:
    """The content of a folder of field maps: the catalog in force, and the texts without faults."""

    catalog: Catalog
    good: Mapping[str, str]

    @property
    def files(self) -> frozenset[str]:
        """The feeds that have a file, good or broken."""
        return frozenset({*self.good, *self.catalog.broken})


def read_field_map(path: Path) -> FieldMap:
    """Read one field map, whatever its file is called.

    Raises FieldMapProblem with all faults, each with file, line, field and advice.
    """
    file = _read(path)
    if file.field_map is None or file.faults:
        raise FieldMapProblem([file.describe(fault, str(path)) for fault in file.faults])
    return file.field_map


def read_folder(folder: Path, last_good: Callable[[str], FieldMap | None]) -> FieldMapFolder:
    """Read every `*.yaml` file of a folder; the feed of a broken one gets its last good field map.

    Raises FieldMapsMissing, and FieldMapProblem if there is no file at all.
    """
    files = read_files(folder)
    usable = {feed: None if file.faults else file.field_map for feed, file in files.items()}
    fallback = Fallback.of(usable, last_good)
    faults = {feed: list(file.faults) for feed, file in files.items()}
    for feed, fault in fallback.faults:
        faults[feed].append(fault)
    broken = {
        feed: BrokenFieldMap(
            feed=feed,
            faults=tuple(files[feed].describe(fault, f"{feed}.yaml") for fault in found),
            jobs=files[feed].jobs,
        )
        for feed, found in faults.items()
        if found
    }
    good = {feed: file.text for feed, file in files.items() if feed not in broken}
    return FieldMapFolder(Catalog.in_force(fallback.in_force.values(), broken), good)


def read_files(folder: Path) -> Mapping[str, FieldMapFile]:
    """Read every `*.yaml` file of a folder; raises FieldMapsMissing and FieldMapProblem."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise FieldMapsMissing(str(folder), _reason(error)) from None
    files: dict[str, FieldMapFile] = {}
    for path in paths:
        # A leading dot marks temporary files of editors and copies.
        if path.suffix != SUFFIX or path.name.startswith("."):
            continue
        file = _read(path)
        if not file.text and not os.path.lexists(path):
            continue  # deleted since the folder was listed: the feed is gone
        if file.field_map is not None and file.field_map.name != path.stem:
            text = f"`name` is {file.field_map.name} but the file is {path.name}; make them equal"
            file.faults.append(Fault(("name",), text))
        files[file.feed] = file
    if not files:
        raise FieldMapProblem([f"{folder}: there is no *.yaml file here"])
    return files


def field_map_digests(folder: Path) -> Mapping[str, str]:
    """Return a digest of the bytes of each file, by feed, without parsing any.

    Raises FieldMapsMissing.
    """
    try:
        return {
            path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_CHARACTERS]
            for path in folder.iterdir()
            if path.suffix == SUFFIX and not path.name.startswith(".") and path.is_file()
        }
    except OSError as error:
        raise FieldMapsMissing(str(folder), _reason(error)) from None


def _read(path: Path) -> FieldMapFile:
    """Parse one file as far as possible; everything that is wrong becomes a fault."""
    file = FieldMapFile(path)
    try:
        file.text = _text(path)
        file.document = read_yaml(file.text)
        file.field_map, file.faults = _field_map(file.document)
    except OSError as error:
        file.faults = [Fault((), f"the file cannot be read ({_reason(error)})")]
    except UnicodeDecodeError as error:
        file.faults = [Fault((), f"the file is not UTF-8 (byte {error.start})")]
    except _UnusableFile as problem:
        file.faults = [Fault((), str(problem))]
    except Exception as fault:  # noqa: BLE001 - one file must never stop the other feeds
        logger.error("%s: %s\n%s", path.name, type(fault).__name__, trace_of(fault))  # noqa: TRY400
        file.faults = [Fault((), f"the file cannot be understood ({type(fault).__name__})")]
    return file


class _UnusableFile(Exception):
    """A file is unusable before a line of it is parsed."""


def _text(path: Path) -> str:
    """Return the text of a regular file: opening a named pipe would wait for a writer forever."""
    if not stat.S_ISREG(path.stat().st_mode):
        message = "this is not a regular file"
        raise _UnusableFile(message)
    with path.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES:,} bytes"
        raise _UnusableFile(message)
    return content.decode("utf-8-sig")


def _field_map(document: YamlDocument) -> tuple[FieldMap | None, list[Fault]]:
    if document.faults and document.value is None:
        return None, document.faults
    if not isinstance(document.value, dict):
        return None, [Fault((), "the file is not a mapping of keys to values")]
    field_map, faults = parse_field_map(document.value)
    if field_map is not None:
        faults += validate_field_map(field_map)
    known = {fault.path for fault in document.faults}
    return field_map, [*document.faults, *(fault for fault in faults if fault.path not in known)]


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
