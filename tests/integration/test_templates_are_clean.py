from pathlib import Path

import pytest

from alumniq_pipelines.checking.reference_sources import FileReferences, ReferencedFile
from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.services.file_check import check_file
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(REPOSITORY / "schemas")


@pytest.mark.parametrize("feed", list(CATALOG.feeds))
def test_a_template_is_loaded_without_warnings(feed: str, tmp_path: Path) -> None:
    """References to the other templates are found, too."""
    files = {sample.name: ReferencedFile(tmp_path / sample.path, sample) for sample in CATALOG}
    for file in files.values():
        file.path.write_text(template(file.field_map, CATALOG), encoding="utf-8")
    reference_sources = FileReferences(files, tmp_path / "references")
    result = check_file(
        files[feed].path, files[feed].field_map, reference_sources=reference_sources
    )
    assert (result.outcome, result.errors, result.warnings, result.notes) == ("clean", (), (), ())
    assert result.rows_accepted > 0
