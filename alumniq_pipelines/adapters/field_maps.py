"""Reading field maps from YAML files."""

from pathlib import Path

from alumniq_pipelines.adapters.yaml_document import YamlDocument, read_yaml
from alumniq_pipelines.core.catalog import Catalog, faults_across
from alumniq_pipelines.core.fault import Fault
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.field_map_rules import faults_of
from alumniq_pipelines.core.problems.setup import FieldMapProblem
from alumniq_pipelines.core.shape_faults import read_shape


def read_field_map(path: Path) -> FieldMap:
    """Read one field map, whatever its file is called.

    Raises FieldMapProblem with every fault, each naming file, line, field and mend.
    """
    field_map, document, faults = _read(path)
    if field_map is None or faults:
        raise FieldMapProblem([_told(path, document, fault) for fault in faults])
    return field_map


def read_catalog(folder: Path) -> Catalog:
    """Read every `*.yaml` of a folder; raises FieldMapProblem with all faults of all files."""
    documents: dict[str, tuple[Path, YamlDocument]] = {}
    field_maps: list[FieldMap] = []
    told: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        field_map, document, faults = _read(path)
        if field_map is not None:
            if field_map.name != path.stem:
                text = f"`name` is {field_map.name} but the file is {path.name}; make them equal"
                faults.append(Fault(("name",), text))
            field_maps.append(field_map)
            documents[field_map.name] = path, document
        told += [_told(path, document, fault) for fault in faults]
    if not told:
        told = [_told(*documents[feed], fault) for feed, fault in faults_across(field_maps)] or (
            [] if field_maps else [f"{folder}: there is no *.yaml file here"]
        )
    if told:
        raise FieldMapProblem(told)
    return Catalog.of(*field_maps)


def _read(path: Path) -> tuple[FieldMap | None, YamlDocument, list[Fault]]:
    """Read one file as far as it goes: the field map is None where its shape is wrong."""
    try:
        document = read_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = f"the file cannot be read ({error.strerror})"
        return None, YamlDocument(), [Fault((), reason)]
    except UnicodeDecodeError as error:
        reason = f"the file is not UTF-8 (byte {error.start})"
        return None, YamlDocument(), [Fault((), reason)]
    if document.faults and document.value is None:
        return None, document, document.faults
    if not isinstance(document.value, dict):
        return None, document, [Fault((), "the file is no mapping of keys to values")]
    field_map, faults = read_shape(document.value)
    if field_map is not None:
        faults += faults_of(field_map)
    told = {fault.path for fault in document.faults}
    return (
        field_map,
        document,
        [*document.faults, *(fault for fault in faults if fault.path not in told)],
    )


def _told(path: Path, document: YamlDocument, fault: Fault) -> str:
    """Say a fault with its place: file, line, field."""
    line = document.line(fault.path)
    where = [str(path), f"line {line}" if line else "", fault.where(document.value)]
    return f"{', '.join(each for each in where if each)}: {fault.message}"
