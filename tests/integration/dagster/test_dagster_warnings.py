"""Warnings and notes in Dagster: a check that only warns, and a table without values."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.integration.dagster.conftest import Installation

TARGET = Target("iqu", Environment.PRODUCTION, "warehouse")
HEADER = "xid,lastName,emailAddress,nation\n"
GOOD = "001,Lee,jane@example.edu,USA\n"
WARNED = "002,Roe,Wilhelmina-Zzyzx,USA\n003,Poe,Wilhelmina-Zzyzx,USA\n"
NOTED = "004,Doe,,Wilhelmina-Zzyzx\n"


@pytest.mark.parametrize(
    ("rows", "warnings", "table"),
    [
        (GOOD, 0, []),
        (GOOD + NOTED, 0, [("note", 1, 3, "nation")]),
        (GOOD + NOTED + WARNED, 2, [("warning", 2, 4, "emailAddress"), ("note", 1, 3, "nation")]),
    ],
    ids=["nothing", "a note", "warnings"],
)
def test_warnings_fail_a_check_that_only_warns_and_are_listed_before_notes(
    installation: Installation, rows: str, warnings: int, table: list[tuple[str, int, int, str]]
) -> None:
    installation.ledger.customers.subscribe(Subscription(TARGET), datetime.now(UTC))
    installation.instance.add_dynamic_partitions("feeds/warehouse", [TARGET.partition_key])
    installation.put(HEADER + rows)
    run = installation.execute(installation.accept(target=TARGET))
    assert run.success
    (check,) = [
        evaluation
        for evaluation in run.get_asset_check_evaluations()
        if evaluation.check_name == "warnings"
    ]
    assert (check.passed, check.severity) == (not warnings, dg.AssetCheckSeverity.WARN)
    assert check.metadata["violations"].value == warnings
    (made,) = run.asset_materializations_for_node("feeds__warehouse")
    assert made.metadata["warnings"].value == warnings
    shown = made.metadata.get("warnings and notes")
    records = shown.records if isinstance(shown, dg.TableMetadataValue) else []
    assert [
        tuple(record.data[name] for name in ("severity", "rows", "first line", "column"))
        for record in records
    ] == table
    assert "Wilhelmina-Zzyzx" not in repr([check, made])


def test_the_mail_of_a_success_lists_warnings_and_notes(
    installation: Installation,
) -> None:
    installation.ledger.customers.subscribe(Subscription(TARGET), datetime.now(UTC))
    installation.instance.add_dynamic_partitions("feeds/warehouse", [TARGET.partition_key])
    installation.put(HEADER + GOOD + WARNED)
    load = installation.accept(target=TARGET)
    installation.execute(load)
    installation.reconcile()
    found = installation.again(load)
    assert (found.state, found.errors) == (LoadState.SUCCEEDED, ())
    of_rows, of_file = found.warnings
    assert (of_rows.severity, of_rows.column, of_rows.count) == ("warning", "emailAddress", 2)
    assert (of_file.code, of_file.count) == ("file", 0)
    (notification,) = installation.ledger.notifications.of(load.job_id)
    assert "- `emailAddress` is not an e-mail address (2 rows, first on line 3). " in (
        notification.notice.body
    )
    assert (
        "\n- Optional columns are missing from the file; they stay blank or get their default: "
        in notification.notice.body
    )
    assert "Wilhelmina-Zzyzx" not in notification.notice.body
