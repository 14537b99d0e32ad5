"""The use case: fetch → decode → stage → judge → publish, free of Dagster."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from alumniq_pipelines.core.bucket import Bucket
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.load import Load
from alumniq_pipelines.core.verdict import Rejection, Verdict
from alumniq_pipelines.core.warehouse import Version, Warehouse

Progress = Callable[[str, float], None]
"""Told the name of the step (`fetch`, `decode`, …) and its fraction done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. `version` is None where nothing was published: refused or superseded."""

    verdict: Verdict
    version: Version | None
    superseded_by: int | None
    size_bytes: int
    sha256: str
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `alumniq check` answers; an unusable file has its faults in `errors`."""

    outcome: Literal["clean", "rejected", "unusable"]
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    errors: tuple[Rejection, ...] = ()
    notes: tuple[str, ...] = field(default=())


def run_load(
    load: Load,
    field_map: FieldMap,
    bucket: Bucket,
    warehouse: Warehouse,
    scratch: Path,
    *,
    max_rejected: int,
    now: datetime,
    progress: Progress | None = None,
) -> LoadReport:
    """Load one delivered file into its target.

    Rows that break a rule are in the verdict; where more than `max_rejected` do, nothing is
    published and the live version stays. Raises FileProblem for a file that cannot be read at all
    and OutageProblem for faults of ours. Harmless to repeat: a version already published by this
    load is answered again; a later one already live makes this load superseded. Leaves nothing in
    `scratch`.
    """
    raise NotImplementedError


def check_file(path: Path, field_map: FieldMap, output: Path | None = None) -> CheckReport:
    """Judge a local file as a load would, without any server.

    `output` (.csv or .parquet) gets the accepted rows as they would be published.
    """
    raise NotImplementedError
