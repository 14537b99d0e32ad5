from pathlib import Path

import pytest

from alumniq_pipelines.adapters.field_maps import read_catalog
from alumniq_pipelines.checking.reference_sources import FilePartners, OtherFile
from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.services.file_check import check_file
from alumniq_pipelines.settings import REPOSITORY

CATALOG = read_catalog(REPOSITORY / "schemas")


@pytest.mark.parametrize("feed", list(CATALOG.feeds))
def test_a_template_is_loaded_without_a_word(feed: str, tmp_path: Path) -> None:
    """Nor are references to the other templates missed."""
    files = {each.name: OtherFile(tmp_path / each.path, each) for each in CATALOG}
    for each in files.values():
        each.path.write_text(template(each.field_map, CATALOG), encoding="utf-8")
    partners = FilePartners(files, tmp_path / "partners")
    report = check_file(files[feed].path, files[feed].field_map, partners=partners)
    assert (report.outcome, report.errors, report.remarks, report.notes) == ("clean", (), (), ())
    assert report.rows_accepted > 0
