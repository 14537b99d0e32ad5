"""Reading field maps from YAML files."""

from pathlib import Path

from alumniq_pipelines.core.catalog import Catalog
from alumniq_pipelines.core.field_map import FieldMap


def read_field_map(path: Path) -> FieldMap:
    """Read one field map; raises FieldMapProblem naming file, field and mend."""
    raise NotImplementedError


def read_catalog(folder: Path) -> Catalog:
    """Read every `*.yaml` of a folder; raises FieldMapProblem with all faults of all files."""
    raise NotImplementedError
