"""The programs that loads are compared with: their rules, and the SQL that is written by hand."""

import csv
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.samples.files import write_warehouse
from alumniq_pipelines.services.file_check import check_file
from benchmarks.peers import sql
from benchmarks.peers.findings import DATABASE, REJECTED, UNREADABLE, Findings
from benchmarks.peers.rules import FIELD_MAP, INTEGER, read_rules

SMALL_MAP = """
schema:
  missingValues: [""]
  primaryKey: [id]
  fields:
  - {name: id, type: string, constraints: {maxLength: 3}}
  - {name: kind, type: string, constraints: {required: true, enum: [a, b]}}
  - {name: number, type: integer, constraints: {unique: true}, alumniq: {default: 0}}
  - {name: code, type: string, constraints: {pattern: "[A-Z]+", minLength: 2}}
  - {name: mail, type: string, alumniq: {severity: warning, reference: email}}
"""


def write_map(folder: Path, text: str = SMALL_MAP) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, "utf-8")
    return path


def test_rules_of_every_kind_are_read_from_a_field_map(tmp_path: Path) -> None:
    key, kind, number, code, mail = read_rules(write_map(tmp_path))
    assert (key.required, key.duplicate, key.max_length) == (True, "duplicate-key", 3)
    assert (kind.required, kind.duplicate, kind.enum) == (True, None, ["a", "b"])
    assert (number.required, number.duplicate) == (False, "duplicate-value")
    assert (number.type, number.patterns, number.default) == ("integer", {"type": INTEGER}, 0)
    assert (code.patterns, code.min_length, code.max_length) == ({"pattern": "[A-Z]+"}, 2, None)
    assert (mail.required, mail.duplicate, mail.patterns) == (False, None, {})


def test_the_rules_of_the_feed_are_those_of_its_field_map() -> None:
    field_map, rules = read_field_map(FIELD_MAP), read_rules()
    assert [(rule.name, rule.type) for rule in rules] == [
        (column.name, column.type) for column in field_map.columns
    ]
    for rule, column in zip(rules, field_map.columns, strict=True):
        assert rule.required == field_map.is_required(column)
        assert (rule.duplicate is not None) == (column.name in field_map.table_schema.primary_key)
        assert rule.min_length == column.constraints.min_length
        assert rule.max_length == column.constraints.max_length
        assert rule.patterns.get("pattern") == column.constraints.pattern
        assert rule.default == column.alumniq.default


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ("type: integer", "type: date"),
        ("{maxLength: 3}", "{minimum: 3}"),
        ("severity: warning", "severity: error"),
        ("[id]", "[id, kind]"),
        ('[""]', '["", "-"]'),
    ],
)
def test_a_field_map_with_a_rule_that_is_not_compared_is_refused(
    tmp_path: Path, rule: str, other: str
) -> None:
    assert rule in SMALL_MAP
    with pytest.raises(ValueError, match="The peers"):
        read_rules(write_map(tmp_path, SMALL_MAP.replace(rule, other)))


def test_sql_by_hand_finds_the_faults_that_a_check_finds(tmp_path: Path) -> None:
    path, field_map = tmp_path / "warehouse.csv", read_field_map(FIELD_MAP)
    write_warehouse(path, field_map, 3_000, bad_every=10)
    checked = check_file(path, field_map)
    findings = sql.load(path, tmp_path)
    assert findings.accepted == checked.rows_read - checked.rows_rejected
    assert findings.rejected == checked.rows_rejected
    assert findings.faults == Counter(error.code for error in checked.errors)
    with (
        (tmp_path / REJECTED).open(encoding="utf-8", newline="") as rejected,
        (tmp_path / UNREADABLE).open(encoding="utf-8", newline="") as unreadable,
    ):
        reasons = Counter(row["reasons"] for row in csv.DictReader(rejected))
        lines = list(csv.DictReader(unreadable))
    assert reasons == Counter(
        f"{error.column}: {error.code}" for error in checked.errors if error.column
    )
    # DuckDB's numbers of lines are others: it does not count line ends within values.
    assert len(lines) == sum(error.column is None for error in checked.errors)


def test_sql_by_hand_checks_every_rule_and_publishes_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = read_rules(write_map(tmp_path))
    monkeypatch.setattr(sql, "read_rules", lambda: rules)
    lines = ["001,a,1,AB,x", "002,c,1,A,", ",a,x,ab,", "1234,b,,,", "001,,3,AB,", "003,b,,,"]
    path = tmp_path / "small.csv"
    path.write_text("\n".join(["id,kind,number,code,mail", *lines, ""]), "utf-8")
    findings = sql.load(path, tmp_path)
    assert (findings.accepted, findings.rejected) == (2, 4)
    assert findings.faults == {
        "enum": 1,
        "duplicate-value": 1,
        "length": 2,
        "required": 2,
        "type": 1,
        "pattern": 1,
        "duplicate-key": 1,
    }
    with duckdb.connect(str(tmp_path / DATABASE)) as connection:
        published = connection.sql("from warehouse order by id").fetchall()
    assert published == [("001", "a", 1, "AB", "x"), ("003", "b", 0, None, None)]


def test_findings_are_read_as_they_were_printed() -> None:
    findings = Findings.of(7, 2, Counter({"length": 2}), unreadable=1)
    assert findings == Findings(accepted=7, rejected=3, faults={"length": 2, "ragged-row": 1})
    assert Findings.from_json(findings.to_json()) == findings
