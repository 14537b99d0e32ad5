"""What a run leaves on the disk, however Dagster was started."""

import os

from tests.integration.dagster.conftest import HEADER, ROWS, Installation
from tests.rights import open_to_others, umask


def test_a_run_under_a_careless_umask_leaves_private_files_and_the_umask_as_it_was(
    installation: Installation,
) -> None:
    home = installation.settings.home
    installation.put(HEADER + ROWS)
    with umask(0o022):
        run = installation.execute(installation.accept())
        assert os.umask(0o022) == 0o022
    assert run.success
    for name in ("warehouse", "archive", "workers", "scratch"):
        assert open_to_others(home / name) == []
    assert list((home / "warehouse").rglob("live.duckdb"))
