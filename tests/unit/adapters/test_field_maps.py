"""Field maps with faults: every fault is reported with its location and advice."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.core.problems.setup import FieldMapProblem

GOOD = """\
name: people
path: people.csv
schema:
  primaryKey: xid
  fields:
    - name: xid
      type: string
      example: "001"
    - name: born
      type: date
      example: "1970-01-31"
      constraints: {minimum: "1900-01-01"}
    - name: active
      type: boolean
      constraints: {required: true}
"""

BORN = GOOD[GOOD.index("type: date") : GOOD.index("    - name: active")]
TIME = "type: time\n      example: {}\n    {}\n"
"""What `born` may be instead."""


def faults_of(text: str, tmp_path: Path, name: str = "people.yaml") -> tuple[str, ...]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FieldMapProblem) as caught:
        read_field_map(path)
    return tuple(fault.removeprefix(f"{path}, ") for fault in caught.value.faults)


def test_a_plain_data_resource_is_a_field_map(tmp_path: Path) -> None:
    path = tmp_path / "anything.yaml"
    path.write_text(GOOD)
    field_map = read_field_map(path)
    assert field_map.alumniq.job == "people"
    assert field_map.is_required(field_map.columns[0])


def test_json_and_the_flat_dialect_of_the_standard_are_read(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    path.write_text(
        '{"name": "people", "path": "p.csv", "dialect": {"delimiter": ";"},\n'
        '\t"schema": {"fields": [{"name": "xid"}], "primaryKey": ["xid"]}}'
    )
    assert read_field_map(path).dialect.csv.delimiter == ";"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "type: string",
            "type: strng",
            "line 7, field `xid`: unknown type `strng`; did you mean `string`?",
        ),
        (
            "type: string",
            "type: colour",
            "`colour`; use string, integer, number, boolean, date, datetime, time or year",
        ),
        (
            "example: ",
            "exmaple: ",
            "line 8, field `xid`: unknown key `exmaple`; did you mean `example`?",
        ),
        (
            "{required: true}",
            "{requird: true}",
            "field `active`, `constraints`: unknown key `requird`; did you mean `required`?",
        ),
        ("path: people.csv\n", "", "the key `path` is missing"),
        ("    - name: born\n      type", "    - type", "line 9, field no. 2: the key `name`"),
        ("name: people", "name: People", "line 1: `name` must be in lower-case letters"),
        (
            'example: "001"',
            "example: 001",
            "line 8, field `xid`: `example`: YAML reads `001` as a number",
        ),
        ('example: "001"', "example: 12", "line 8, field `xid`: `example` is no string; write it"),
        ('example: "001"', "example: [1]", "`example` must be a single text, number, true or"),
        ('example: "001"', "example:", "line 8, field `xid`: `example` has no value"),
        (
            '"1970-01-31"',
            "1970-01-31",
            "field `born`: `example`: YAML reads `1970-01-31` as a date",
        ),
        ('"1970-01-31"', '"31.1.1970"', "line 11, field `born`: `example` is no date"),
        (
            '"1970-01-31"',
            '"1870-01-31"',
            "line 11, field `born`: `example` breaks the field's own rules (range)",
        ),
        ("{required: true}", "{required: yes}", "YAML reads `yes` as true or false; write it in"),
        ("{required: true}", '{required: "x"}', "`required` must be true or false, without quotes"),
        (
            "{required: true}",
            "{enum: [true, no]}",
            "line 15, field `active`, `constraints`: `enum`: YAML reads",
        ),
        ("{required: true}", "{maxLength: 3}", "`maxLength` does not apply to type boolean"),
        (
            'constraints: {minimum: "1900-01-01"}',
            "alumniq: {reference: country}",
            "line 12, field `born`, `alumniq`: `reference` does not apply to type date",
        ),
        (
            'example: "001"',
            'example: "001"\n      alumniq: {reference: country}',
            "line 8, field `xid`: `example` breaks the field's own rules (reference)",
        ),
        (
            'example: "001"',
            "constraints: {enum: [USA, usa]}\n      alumniq: {reference: country-alpha-3}",
            "`enum` holds what does not belong to the reference set country-alpha-3",
        ),
        (
            'example: "001"',
            "alumniq: {reference: nation}",
            "line 8, field `xid`, `alumniq`: unknown reference `nation`",
        ),
        (
            '{minimum: "1900-01-01"}',
            '{minimum: "2000-01-01", maximum: "1990-01-01"}',
            "`minimum` is greater than `maximum`",
        ),
        ('{minimum: "1900-01-01"}', "{minimum: 1900}", "`minimum` is no date as it would stand"),
        (
            'example: "001"',
            'constraints: {pattern: "\\\\d+"}',
            "line 8, field `xid`, `constraints`: `pattern` uses `\\d`",
        ),
        ('example: "001"', "constraints: {minLength: 3, maxLength: 2}", "is greater than `maxLen"),
        ('example: "001"', "alumniq: {default: x}", "`default` is never used: the field is req"),
        (
            'constraints: {minimum: "1900-01-01"}',
            'constraints: {unique: true}\n      alumniq: {default: "1970-01-31"}',
            "`default` would stand twice, and the field is unique",
        ),
        ("- name: born", "- name: XID", "`name` cannot be told from that of another field, `xid`"),
        (
            "type: string",
            "type: string\n      alumniq: {aliases: [BORN]}",
            "line 8, field `xid`, `alumniq`: `aliases` lists `BORN`, but that is a name of another",
        ),
        (
            "type: boolean",
            "type: boolean\n      alumniq: {aliases: [x-id]}",
            "field `active`, `alumniq`: `aliases` lists `x-id`, but that is a name of another",
        ),
        (
            "type: boolean",
            "type: boolean\n      alumniq: {aliases: [live, Active]}",
            "`aliases` lists `Active`, which is known already; leave it out",
        ),
        (
            "type: boolean",
            "type: boolean\n      alumniq: {aliases: [is live, IS_LIVE]}",
            "`aliases` lists `IS_LIVE`, which is known already; leave it out",
        ),
        (
            "type: boolean",
            'type: boolean\n      alumniq: {aliases: [" live"]}',
            "one of `aliases` has blanks at its ends",
        ),
        ("type: boolean", "type: boolean\n      alumniq: {aliases: live}", "must be a list"),
        (
            "type: boolean",
            'type: boolean\n      alumniq: {aliases: [""]}',
            "each of `aliases` must be at least 1 character long",
        ),
        ("- name: born", "- name: born__c", "`name` ends in __c, which is kept for"),
        ("- name: born", "- name: rowid", "`name` is one that databases keep for themselves"),
        ("- name: born", '- name: " born"', "`name` has blanks at its ends"),
        ("- name: born", f"- name: {'b' * 64}", "longer than 63 bytes"),
        ("primaryKey: xid", "primaryKey: [xdi]", "`schema`: `primaryKey` names the unknown field"),
        ("primaryKey: xid", "primaryKey: [xid, xid]", "`primaryKey` names a field twice"),
        (
            "primaryKey: xid",
            "foreignKeys: [{fields: [xid, born], reference: {fields: [xid]}}]",
            "are not of the same number",
        ),
        (
            "primaryKey: xid",
            "foreignKeys: [{fields: [], reference: {fields: []}}]",
            "`fields` is empty",
        ),
        (
            "path: people.csv",
            "path: people.csv\nname: other",
            "line 3, `name`: the key is already defined on line 1",
        ),
        ("path: people.csv", "\tpath: people.csv", "this is not YAML: a tab is used for"),
        ("path: people.csv", "path: people.csv\nalumniq: {owners: [me]}", "`owners` holds what is"),
        (
            "path: people.csv",
            "path: p\nalumniq: {thresholds: {columns: {fillOf: {bron: 5}}}}",
            "`alumniq.thresholds.columns`: `fillOf` names the unknown field `bron`",
        ),
        (
            "path: people.csv",
            "path: p\nalumniq: {thresholds: {columns: {fillOf: {born: lots}}}}",
            "`fillOf` must be a number",
        ),
        (
            "path: people.csv",
            "path: p\nalumniq: {thresholds: {columns: {fill: 101}}}",
            "`fill` must be at most 100",
        ),
        (
            "path: people.csv",
            "path: p\nalumniq: {maxRejected: -1}",
            "`maxRejected` must be at least 0",
        ),
        (
            "primaryKey: xid",
            "foreignKeys: [{fields: xid, reference: {fields: xid}, alumniq: {where: x}}]",
            "line 4, `schema.foreignKeys.1.alumniq`: `where` must be a mapping of columns",
        ),
        ("path: people.csv", "path: p\nalumniq: yes", "YAML reads `yes` as true or false"),
        ("path: people.csv", "path: p\nalumniq: [x]", "`alumniq` must be a mapping"),
        ("path: people.csv", "path: p\nencoding: latin-1", "unknown encoding `latin-1`; use utf-8"),
        ("path: people.csv", 'path: p\ndialect: {delimiter: ";;"}', "must be at most 1 characters"),
        ("path: people.csv", "path: p\ndialect: {delimiter: a}", "`delimiter` must be a mark"),
        ("path: people.csv", "path: p\ndialect: {delimiter: '\"'}", "are the same character"),
        ("type: date", "type: date\n      format: any", "`format` must be default, or name"),
        ("type: date", "type: date\n      format: '%Y-%m-%d %H'", "use datetime"),
        ("type: date", "type: date\n      format: '%Y-%m-%d %d'", "names a part of the date twice"),
        (BORN, TIME.format("'14:05'", "  format: '%H'"), "or name %H and %M (and %S if needed)"),
        (BORN, TIME.format("'14:05'", "  format: '%Y %H:%M'"), "a time names years, months or"),
        (BORN, TIME.format("'14:05'", "  constraints: {maxLength: 5}"), "apply to type time"),
        (
            BORN,
            TIME.format("14:05", ""),
            "field `born`: `example`: YAML reads `14:05` as a number in another notation",
        ),
        (BORN, TIME.format("'9:05'", ""), "`example` is no time; write it in quotes"),
        (
            BORN,
            TIME.format("'14:05'", "  constraints: {minimum: '18:00', maximum: '08:00'}"),
            "`minimum` is greater than `maximum`",
        ),
        (
            "type: string",
            "type: string\n      format: email",
            "write `alumniq: {reference: email}`",
        ),
        ("type: boolean", "type: boolean\n      trueValues: ['0']", "share `0`"),
        ("type: boolean", "type: boolean\n      trueValues: ['']", "means blank"),
        ("type: string", "type: string\n      trueValues: ['y']", "does not apply to type string"),
        (
            "type: string",
            "type: string\n      constraints: {enum: ['', '001']}",
            "which means blank",
        ),
        ("schema:", "schema:\n  missingValues: ['001']", "so it means blank"),
    ],
)
def test_a_fault_is_reported_with_its_position_and_advice(
    old: str, new: str, fault: str, tmp_path: Path
) -> None:
    assert old in GOOD
    messages = faults_of(GOOD.replace(old, new, 1), tmp_path)
    assert any(fault in line for line in messages), messages
    assert len(messages) == 1


def test_no_alias_may_mean_two_columns(tmp_path: Path) -> None:
    text = GOOD.replace("type: date", "type: date\n      alumniq: {aliases: [since]}").replace(
        "type: boolean", "type: boolean\n      alumniq: {aliases: [Since]}"
    )
    [fault] = faults_of(text, tmp_path)
    assert "field `active`, `alumniq`: `aliases` lists `Since`" in fault
    assert "a name of another field, `born`" in fault


def test_all_faults_are_reported_at_once_also_behind_a_wrong_shape(tmp_path: Path) -> None:
    text = (
        GOOD.replace("type: string", "type: strng")
        .replace('"1970-01-31"', '"1870-01-31"')
        .replace("primaryKey: xid", "primaryKey: nobody")
    )
    messages = faults_of(text, tmp_path)
    assert [re.findall("`[a-z]+`", message)[0] for message in messages] == [
        "`xid`",
        "`born`",
        "`schema`",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the file is empty"),
        ("- a\n", "not a mapping of keys to values"),
        ("just words", "not a mapping of keys to values"),
        ("a: [1", "this is not YAML"),
        ("a: b: c", "this is not YAML"),
        ("a: &x [*x]", "refers to itself"),
        ("a: 1\n---\nb: 2", "this is not YAML: but found another document"),
        ("? [a]\n: 1", "a key must be plain text"),
    ],
)
def test_what_is_no_mapping_is_refused(text: str, fault: str, tmp_path: Path) -> None:
    assert any(fault in line for line in faults_of(text, tmp_path))


def test_an_unreadable_file_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(FieldMapProblem, match=r"none\.yaml: the file cannot be read"):
        read_field_map(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(FieldMapProblem, match=r"latin\.yaml: the file is not UTF-8 \(byte 6\)"):
        read_field_map(tmp_path / "latin.yaml")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_mangled_field_map_escapes_as_anything_but_a_problem(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 12)))
    junk = data.draw(st.text(alphabet="[]{}:,-&*?!|>'\"%@`#~ \n\t01aé", max_size=6))
    path = tmp_path_factory.getbasetemp() / "mangled.yaml"
    path.write_text(GOOD[:start] + junk + GOOD[end:], encoding="utf-8")
    with contextlib.suppress(FieldMapProblem):
        read_field_map(path)
