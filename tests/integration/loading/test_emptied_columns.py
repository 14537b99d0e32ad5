"""A column that had values and would have none holds the load by its name, on both engines.

A load with a misspelt column once succeeded, and every value of the column was lost.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import FieldMap, Thresholds
from alumniq_pipelines.core.loads.diff import EmptiedColumn
from alumniq_pipelines.core.loads.warehouse import Warehouse
from tests.integration.loading.installation import Installation

HEADER = "xid,lastName,visits,born,email,shoe__c\n"
GOOD = (
    HEADER
    + "001,Lee,3,1970-05-01,lee@example.edu,42\n"
    + "002,Roe,,,,\n"
    + "003,Doe,,,doe@example.edu,\n"
    + "004,Poe,,,,\n"
    + "005,Coe,,,coe@example.edu,\n"
)


@pytest.fixture
def installation(tmp_path: Path, people: FieldMap, warehouse: Warehouse) -> Iterator[Installation]:
    """Return an installation whose live version has values in every column but `nation`."""
    given = Installation(tmp_path, people, warehouse)
    given.deliver(GOOD)
    given.publish()
    yield given
    assert not list(given.scratch.iterdir())


def without(name: str) -> str:
    """Return the file without a column."""
    index = HEADER.strip().split(",").index(name)
    rows = [line.split(",") for line in GOOD.splitlines()]
    return "".join(",".join(row[:index] + row[index + 1 :]) + "\n" for row in rows)


def blank(name: str) -> str:
    """Return the file with a column blank."""
    index = HEADER.strip().split(",").index(name)
    header, *rows = [line.split(",") for line in GOOD.splitlines()]
    emptied = [",".join([*row[:index], "", *row[index + 1 :]]) for row in rows]
    return "".join(f"{line}\n" for line in (",".join(header), *emptied))


def test_a_column_that_is_gone_holds_the_load_by_name_whatever_the_thresholds_are(
    installation: Installation,
) -> None:
    installation.deliver(without("email"))
    result = installation.hold(2)
    [reason] = result.reasons
    live = "The column `email` was filled in 60 % of the rows of the live version"
    assert reason == f"{live} and is absent from this file."
    assert result.changes.emptied == (EmptiedColumn("email", 3, is_absent=True),)
    assert [row[0] for row in installation.rows()] == ["001", "002", "003", "004", "005"]


def test_a_column_that_is_blank_throughout_holds_the_load_by_name(
    installation: Installation,
) -> None:
    installation.deliver(blank("born"))
    [reason] = installation.hold(2, thresholds=Thresholds()).reasons
    live = "The column `born` was filled in 20 % of the rows of the live version"
    assert reason == f"{live} and has no usable value in the accepted rows of this file."


def shoes(cell: str) -> str:
    """Return the file with one text in every row of its last column."""
    rows = (line.rsplit(",", 1)[0] for line in GOOD.splitlines()[1:])
    return HEADER + "".join(f"{row},{cell}\n" for row in rows)


@pytest.mark.parametrize(
    "cell", ["  ", "\t", "\N{NO-BREAK SPACE}", "\N{ZERO WIDTH SPACE}", " \ufeff"]
)
def test_a_column_of_nothing_that_anybody_sees_is_blank(
    cell: str, installation: Installation
) -> None:
    installation.deliver(shoes(cell))
    assert installation.hold(2).reasons[0].startswith("The column `shoe__c` was filled in 20 %")


@pytest.mark.parametrize("cell", ["NULL", "null", "\\N", "nan", "<NULL>", "None", " NULL  "])
def test_a_word_for_a_missing_value_is_no_value(cell: str, installation: Installation) -> None:
    installation.deliver(shoes(cell))
    assert installation.hold(2).reasons[0].startswith("The column `shoe__c` was filled in 20 %")


def test_a_column_that_always_had_such_words_loses_nothing(
    tmp_path: Path, people: FieldMap, warehouse: Warehouse
) -> None:
    given = Installation(tmp_path / "words", people, warehouse)
    given.deliver(shoes("NULL"))
    given.publish()
    given.deliver(shoes(""))
    given.publish(2)


def test_a_word_that_the_field_map_allows_is_a_value(
    tmp_path: Path, people: FieldMap, warehouse: Warehouse
) -> None:
    document = people.model_dump(by_alias=True, exclude_unset=True, mode="json")
    document["schema"]["fields"].append({"name": "diet", "constraints": {"enum": ["None", "Any"]}})
    given = Installation(tmp_path / "diets", FieldMap.model_validate(document), warehouse)
    for number, diet in enumerate(("Any", "None"), start=1):
        given.deliver(f"xid,lastName,diet\n001,Lee,{diet}\n002,Roe,{diet}\n")
        given.publish(number)


def test_a_column_left_with_its_default_alone_has_no_value(installation: Installation) -> None:
    installation.deliver(without("visits"))
    [reason] = installation.hold(2).reasons
    assert reason.startswith("The column `visits` was filled in 20 %")


def test_a_column_filled_with_its_default_throughout_is_not_emptied(
    installation: Installation,
) -> None:
    installation.deliver(re.sub(r"(?m)^(\d+,\w+),\d*,", r"\1,0,", GOOD))
    installation.publish(2, thresholds=Thresholds())


def test_a_senders_own_column_that_is_gone_holds_the_load_too(installation: Installation) -> None:
    installation.deliver(without("shoe__c"))
    [reason] = installation.hold(2).reasons
    assert "`shoe__c`" in reason
    assert "absent" in reason


def test_a_senders_own_column_in_another_case_is_not_gone(installation: Installation) -> None:
    installation.deliver(GOOD.replace("shoe__c", "SHOE__C"))
    installation.publish(2)


def test_a_column_that_never_had_a_value_may_be_absent_or_appear(
    installation: Installation,
) -> None:
    installation.deliver(GOOD.replace("Lee", "Loe"))
    installation.publish(2)
    with_nation = [line + (",nation" if not n else ",USA") for n, line in enumerate(GOOD.split())]
    installation.deliver("\n".join(with_nation) + "\n")
    installation.publish(3)


def test_one_value_is_left_and_nothing_holds_the_load(installation: Installation) -> None:
    installation.deliver(GOOD.replace("lee@example.edu", "").replace("doe@example.edu", ""))
    installation.publish(2)


def test_a_first_load_is_held_for_no_column(tmp_path: Path, people: FieldMap) -> None:
    given = Installation(tmp_path / "new", people, DuckDBWarehouse(tmp_path / "warehouse-of-none"))
    given.deliver(without("email"))
    given.publish()


def test_a_column_that_left_the_field_map_is_gone_on_purpose(installation: Installation) -> None:
    schema = installation.people.table_schema
    remaining = tuple(field for field in schema.fields if field.name != "born")
    changed = schema.model_copy(update={"fields": remaining})
    installation.people = installation.people.model_copy(update={"table_schema": changed})
    installation.deliver(GOOD.replace("Lee", "Loe"))
    installation.publish(2)


def test_all_that_would_be_lost_is_named_beside_the_thresholds(installation: Installation) -> None:
    rows = [line.split(",") for line in GOOD.splitlines()[:2]]
    installation.deliver("".join(f"{row[0]},{row[1]}\n" for row in rows))
    result = installation.hold(2, thresholds=Thresholds())
    named = ("visits", "born", "email", "shoe__c")
    assert [name in reason for name, reason in zip(named, result.reasons, strict=False)] == [
        True
    ] * len(named)
    assert "rows removed" in result.reasons[len(named)]
