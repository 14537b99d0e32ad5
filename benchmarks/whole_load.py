"""A whole load as a run does it: from a folder bucket to a live version in the warehouse.

    python -m benchmarks.whole_load FILE FOLDER [URL]

The warehouse is PostgreSQL where a URL is given, else files below the folder.

Rows that break a rule are within the budget, so what is left of the file is published; they are
explained in a rejection report.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.adapters.warehouse.duckdb_warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres_warehouse import PostgresWarehouse
from alumniq_pipelines.core.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.target import Environment, Target
from alumniq_pipelines.keeping import Delivery
from alumniq_pipelines.loading import LoadReport, run_load
from alumniq_pipelines.settings import REPOSITORY, Settings


def load(file: Path, folder: Path, url: str | None) -> LoadReport:
    """Load a file that lies in its bucket already, as it does when a load begins."""
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
    delivery = Delivery(asked, bucket, FolderArchive(folder / "archive"))
    return run_load(
        asked,
        read_field_map(REPOSITORY / "schemas" / "warehouse.yaml"),
        delivery,
        PostgresWarehouse(url) if url else DuckDBWarehouse(folder / "warehouse"),
        scratch,
        max_rejected=sys.maxsize,
        now=now,
        report_rows=Settings().report_rows,
    )


if __name__ == "__main__":
    report = load(Path(sys.argv[1]), Path(sys.argv[2]), dict(enumerate(sys.argv)).get(3))
    if report.version is None:
        sys.exit("Nothing was published.")
