"""The migration to versions of unknown loads and back, with data, on both engines."""

from alembic import command

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version
from tests.integration.ledger.conftest import NOW, Accept


def test_versions_outlive_the_migration_and_those_of_unknown_loads_only_a_downgrade_does_not(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    known = _version(load.target, load.job_id, load.number)
    lost = _version(load.target, JobId("LOST"), load.number + 1)
    ledger.versions.record(known, NOW)
    ledger.versions.record(lost, NOW)
    assert list(ledger.versions.of(load.target)) == [lost, known]
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), "0012")
    ledger.migrate()
    assert list(ledger.versions.of(load.target)) == [known]
    ledger.versions.record(lost, NOW)
    assert list(ledger.versions.of(load.target)) == [lost, known]
    assert ledger.loads.get(load.job_id) == load


def _version(target: Target, job_id: JobId, number: int) -> Version:
    return Version(
        target=target,
        number=number,
        job_id=job_id,
        rows=3,
        sha256="0" * 64,
        etag=None,
        relation="members",
        published_at=NOW,
        field_map_sha256="",
    )
