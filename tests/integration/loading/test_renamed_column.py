"""Four nights of one table: good, a column spelt otherwise twice, a column left out.

The second and the third were published once, without any of the e-mail addresses.
"""

from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import Thresholds
from alumniq_pipelines.core.loads.load_result import Refused
from alumniq_pipelines.settings import REPOSITORY
from tests.integration.loading.installation import Installation
from tests.strict_catalog import read_catalog

FIRST = """\
xid,firstName,lastName,city,emailAddress
0001,Ann,Lee,Dayton,ann@example.edu
0002,Bob,Day,Dayton,
0003,Cy,Fox,Fargo,cy@example.edu
0004,Di,Roe,Dayton,di@example.edu
0005,Ed,May,Fargo,
"""
EMAILS = "SELECT emailAddress FROM warehouse WHERE emailAddress IS NOT NULL"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Return an installation with the first file live."""
    feed = read_catalog(REPOSITORY / "schemas").feed("warehouse")
    given = Installation(tmp_path, feed, DuckDBWarehouse(tmp_path / "warehouse"))
    given.deliver(FIRST)
    given.publish(thresholds=Thresholds())
    return given


def emails(installation: Installation) -> int:
    return len(installation.warehouse.query("iqu", "qa", EMAILS)[1])


def test_a_name_in_the_spelling_of_a_database_loads_with_its_values(
    installation: Installation,
) -> None:
    installation.deliver(FIRST.replace("emailAddress", "EMAIL_ADDRESS").replace("Ed", "Edd"))
    installation.publish(2, thresholds=Thresholds())
    assert emails(installation) == 3


def test_a_name_that_is_probably_meant_for_another_refuses_the_file(
    installation: Installation,
) -> None:
    installation.deliver(FIRST.replace("emailAddress", "Email"))
    result = installation.load(2, thresholds=Thresholds())
    assert isinstance(result, Refused)
    assert "`Email`" in str(result.problem)
    assert "`emailAddress`" in str(result.problem)
    assert emails(installation) == 3


def test_a_column_that_is_left_out_holds_the_load(installation: Installation) -> None:
    installation.deliver("".join(f"{line.rpartition(',')[0]}\n" for line in FIRST.splitlines()))
    [reason] = installation.hold(2, Thresholds()).reasons
    filled = "The column `emailAddress` was filled in 60 % of the rows of the live version"
    assert reason == f"{filled} and is absent from this file."
    assert emails(installation) == 3
