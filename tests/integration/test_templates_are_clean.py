from pathlib import Path

import pytest

from alumniq_pipelines.adapters.field_maps import read_catalog
from alumniq_pipelines.core.template import template
from alumniq_pipelines.loading import check_file
from alumniq_pipelines.settings import REPOSITORY

CATALOG = read_catalog(REPOSITORY / "schemas")


@pytest.mark.parametrize("feed", list(CATALOG.feeds))
def test_a_template_is_loaded_without_a_word(feed: str, tmp_path: Path) -> None:
    field_map = CATALOG.feed(feed)
    path = tmp_path / field_map.path
    path.write_text(template(field_map, CATALOG), encoding="utf-8")
    report = check_file(path, field_map)
    assert (report.outcome, report.errors, report.remarks, report.notes) == ("clean", (), (), ())
    assert report.rows_accepted > 0
