"""The hold of a load, created in one line."""

from datetime import datetime, timedelta

from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load
from tests.accepted_rows import small_field_map


def hold_of(load: Load, held_at: datetime) -> Hold:
    """Return a hold of a week, for too many removed rows."""
    return Hold(
        job_id=load.job_id,
        held=HeldRows(
            digest="beef",
            field_map=small_field_map("warehouse"),
            table="warehouse",
            columns=("xid",),
            rows=4,
            sha256="cafe",
            etag="e1",
        ),
        counts=Counts(5, 4, 1),
        changes=Changes(1, 2, 30, 1),
        reasons=("30 rows removed.",),
        held_at=held_at,
        expires_at=held_at + timedelta(days=7),
    )
