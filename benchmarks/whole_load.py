"""A whole load as a run does it: from a folder bucket to a live version in the warehouse.

    python -m benchmarks.whole_load FILE FOLDER [URL] [--refuse]

The warehouse is PostgreSQL where a URL is given, else files below the folder.

It prints how many rows were accepted and rejected, and how many faults were found, as JSON.

Rows that break a rule are explained in a rejection report. They are within the budget, so what is
left of the file is published; with `--refuse` no row may break one, so nothing is.
"""

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.load_result import LoadResult, Published, Rejected
from alumniq_pipelines.core.loads.progress import Progress
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.services.load import run_load
from alumniq_pipelines.services.load_files import LoadFile
from alumniq_pipelines.settings import REPOSITORY, Settings
from benchmarks.peers.findings import Findings


def load(
    file: Path,
    folder: Path,
    url: str | None = None,
    max_rejected: int = sys.maxsize,
    progress: Progress | None = None,
) -> LoadResult:
    """Load a file that is in its bucket already, as it is when a load begins."""
    now = datetime.now(UTC)
    request = LoadRequest(
        job_id=new_job_id(),
        target=Target("bench", Environment.QA, "warehouse"),
        filename=file.name,
        etag=None,
        size_bytes=None,
    )
    scratch = folder / "scratch"
    scratch.mkdir()
    asked = Load(1, request, LoadState.RUNNING, attempts=1, accepted_at=now)
    bucket = FolderBuckets(file.parents[3]).open(file.parents[2].name)
    load_file = LoadFile(load=asked, bucket=bucket, archive=FolderArchive(folder / "archive"))
    return run_load(
        load_file,
        read_field_map(REPOSITORY / "schemas" / "warehouse.yaml"),
        _open_postgres(url) if url else DuckDBWarehouse(folder / "warehouse"),
        scratch,
        max_rejected=max_rejected,
        now=now,
        progress=progress,
        report_rows=Settings().report_rows,
    )


def _open_postgres(url: str) -> Warehouse:
    # As in a run, only what is chosen is imported.
    from alumniq_pipelines.adapters.warehouse.postgres.warehouse import (  # noqa: PLC0415
        PostgresWarehouse,
    )

    return PostgresWarehouse(url)


def main() -> None:
    """Load, and check that it ended as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--refuse", action="store_true")
    asked = parser.parse_args()
    max_rejected = 0 if asked.refuse else sys.maxsize
    result = load(asked.file, asked.folder, asked.url, max_rejected)
    if not isinstance(result, Rejected if asked.refuse else Published):
        sys.exit("Something was published." if asked.refuse else "Nothing was published.")
    counts, faults = result.check_result.counts, Counter[str]()
    for cause in result.check_result.causes:
        faults[cause.code] += cause.count
    print(Findings.of(counts.rows_accepted, counts.rows_rejected, faults).to_json())


if __name__ == "__main__":
    with private_umask():
        main()
