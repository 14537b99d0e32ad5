"""The sample files are checked as a load would check them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from alumniq_pipelines.checking.reference_sources import FileReferences, ReferencedFile
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.samples.files import write_sample_files, write_warehouse
from alumniq_pipelines.services.file_check import check_file
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog(REPOSITORY / "schemas")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Mapping[str, Path]:
    return write_sample_files(tmp_path_factory.mktemp("samples"), catalog, people=5_000)


@pytest.mark.parametrize(
    "feed",
    ["warehouse", "warehouse-degrees", "warehouse-designations", "warehouse-lookups"],
)
def test_sample_files_are_clean(
    files: Mapping[str, Path], catalog: Catalog, feed: str, tmp_path: Path
) -> None:
    others = {name: ReferencedFile(path, catalog.feed(name)) for name, path in files.items()}
    reference_sources = FileReferences(others, tmp_path)
    result = check_file(files[feed], catalog.feed(feed), reference_sources=reference_sources)
    assert (result.outcome, result.errors, result.warnings, result.notes) == ("clean", (), (), ())
    assert result.rows_read > 0


def test_exactly_the_planted_faults_are_found(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "bad.csv"
    field_map = catalog.feed("warehouse")
    planted = write_warehouse(path, field_map, 3_000, bad_every=10)
    result = check_file(path, field_map)
    found = {(error.row, error.line, error.column, error.code) for error in result.errors}
    assert found == {(fault.row, fault.line, fault.column, fault.code) for fault in planted}
    assert result.rows_rejected == len(planted)
