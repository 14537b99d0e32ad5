"""A catalog of field maps that must all be valid, for tests of the field maps themselves."""

from pathlib import Path

from alumniq_pipelines.adapters.field_maps import read_files
from alumniq_pipelines.core.feeds.catalog import Catalog, faults_across
from alumniq_pipelines.core.problems.setup import FieldMapProblem


def read_catalog(folder: Path) -> Catalog:
    """Read every `*.yaml` file of a folder; raises FieldMapProblem with all faults of all files.

    An installation goes on without the field maps that are broken: see `read_folder`.
    """
    files = read_files(folder)
    faults = [
        file.describe(fault, str(file.path)) for file in files.values() for fault in file.faults
    ]
    field_maps = [file.field_map for file in files.values() if file.field_map is not None]
    if not faults:
        faults = [
            files[feed].describe(fault, str(files[feed].path))
            for feed, fault in faults_across(field_maps)
        ]
    if faults:
        raise FieldMapProblem(faults)
    return Catalog.of(*field_maps)
