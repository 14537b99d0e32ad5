"""The files that the unfinished loads of a ledger need: in the archive and in buckets."""

from sqlalchemy import Connection, and_, select

from alumniq_pipelines.adapters.ledger.tables import attempts, customers, holds, loads
from alumniq_pipelines.core.loads.archive import held_name, old_held_name, received_name
from alumniq_pipelines.core.loads.backup import NeededFiles, Upload
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.hold import Decision
from alumniq_pipelines.core.loads.load import FINAL_STATES, JobId

UNFINISHED = loads.c.state.not_in(sorted(FINAL_STATES))
MAY_BE_PUBLISHED = holds.c.decision.is_(None) | (holds.c.decision == Decision.APPROVED)


def needed_files(connection: Connection) -> NeededFiles:
    """Return the files that unfinished loads read, or that repeating them would read."""
    held = connection.execute(
        select(holds.c.job_id, holds.c.digest)
        .join(loads, loads.c.job_id == holds.c.job_id)
        .where(UNFINISHED, MAY_BE_PUBLISHED)
        .order_by(loads.c.number)
    ).all()
    repeats = select(loads.c.repeats).where(UNFINISHED, loads.c.repeats.is_not(None))
    repeated = connection.scalars(
        select(attempts.c.sha256)
        .where(attempts.c.job_id.in_(repeats), attempts.c.sha256.is_not(None))
        .distinct()
    ).all()
    own = connection.scalars(
        select(attempts.c.sha256)
        .join(loads, loads.c.job_id == attempts.c.job_id)
        .where(UNFINISHED, attempts.c.sha256.is_not(None))
        .distinct()
    ).all()
    uploads = connection.execute(
        select(customers.c.bucket, loads.c.environment, loads.c.filename)
        .join(customers, customers.c.id == loads.c.customer)
        .outerjoin(holds, and_(holds.c.job_id == loads.c.job_id, MAY_BE_PUBLISHED))
        .where(UNFINISHED, loads.c.repeats.is_(None), holds.c.job_id.is_(None))
        .distinct()
    ).all()
    return NeededFiles(
        held=tuple(
            (held_name(JobId(job_id), digest), old_held_name(JobId(job_id)))
            for job_id, digest in held
        ),
        repeated=tuple(received_name(sha256) for sha256 in sorted(repeated)),
        received=tuple(received_name(sha256) for sha256 in sorted({*own} - {*repeated})),
        uploads=tuple(
            Upload(bucket=bucket, key=f"{folder_of(environment)}{filename}")
            for bucket, environment, filename in uploads
        ),
    )
