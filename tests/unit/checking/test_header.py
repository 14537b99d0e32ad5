"""The header line is found and matched by name, and every fault of it is reported."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.checking.header import DELIMITERS, MAX_COLUMNS, read_header
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.problems.file import FileProblem, format_faults
from alumniq_pipelines.core.problems.header import (
    DuplicateColumn,
    MissingColumn,
    MisspeltColumn,
    NoHeader,
    TooManyColumns,
    UnknownColumn,
    UnusableColumnName,
    UnusableHeader,
)

WORDS_APART = """
alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa
quebec romeo sierra tango uniform victor whiskey xray yankee zulu
"""
"""None of which is close to another."""


def field_map(*, delimiter: str = ",", **rules: Any) -> FieldMap:
    return FieldMap.model_validate(
        {
            "name": "people",
            "path": "people.csv",
            "dialect": {"csv": {"delimiter": delimiter}},
            "alumniq": rules,
            "schema": {
                "primaryKey": "xid",
                "fields": [
                    {"name": "xid"},
                    {"name": "firstName"},
                    {"name": "lastName", "constraints": {"required": True}},
                ],
            },
        }
    )


def faults(text: str, **rules: Any) -> list[tuple[type[FileProblem], str]]:
    with pytest.raises(UnusableHeader) as refused:
        read_header(text, field_map(**rules))
    assert {fault.line for fault in refused.value.faults} == {1}
    return [(type(fault), str(fault)) for fault in refused.value.faults]


def test_columns_are_found_in_any_order() -> None:
    header = read_header("lastName,firstName,xid\n", field_map())
    assert header.sources == {"xid": 2, "firstName": 1, "lastName": 0}
    assert list(header.sources) == ["xid", "firstName", "lastName"]
    assert header.notes == ()


def test_a_different_spelling_that_matches_is_noted() -> None:
    header = read_header(" XID ,last_name,\ufefffirstName\n", field_map())
    assert header.sources == {"xid": 0, "lastName": 1, "firstName": 2}
    [note] = header.notes
    assert note.endswith("spelling: `XID` as `xid`, `last_name` as `lastName`.")


@pytest.mark.parametrize(
    "line",
    [
        "XID,FIRST_NAME,LAST_NAME",
        "Xid,First Name,Last Name",
        "[xid],[firstName],[lastName]",
        "`xid`,`first.name`,`last.name`",
        "x-id,first-name,last-name",
        '"XID "," First_Name","LAST.NAME"',
        "constituent.xid,constituent.firstName,constituent.lastName",
        "t1.xid,[dbo].[People].[first_name],`people`.`last_name`",
        '"""X"".""XID""","""FIRST_NAME""","""LAST NAME"""',
        "'xid','first_name','last_name'",
    ],
)
def test_names_match_regardless_of_case_blanks_and_punctuation(line: str) -> None:
    header = read_header(f"{line}\n", field_map(unknown_columns="reject"))
    assert header.sources == {"xid": 0, "firstName": 1, "lastName": 2}


def test_every_absent_column_is_named_in_the_order_of_the_field_map() -> None:
    names = [f"c{count}" for count in range(40)]
    header = read_header("xid\n", wide(names))
    assert header.notes[0].endswith(f"get their default: {', '.join(names)}.")


def test_every_column_that_is_spelt_otherwise_is_named() -> None:
    names = [f"c{count}" for count in range(40)]
    header = read_header(f"xid,{','.join(f't1.{name}' for name in names)}\n", wide(names))
    [note] = header.notes
    assert all(f"`t1.{name}` as `{name}`" in note for name in names)


def test_an_optional_column_may_be_absent_with_a_note() -> None:
    header = read_header("xid,lastName\n", field_map())
    assert set(header.sources) == {"xid", "lastName"}
    assert header.notes == (
        (
            "Optional columns are missing from the file; they stay blank or get their default: "
            "firstName."
        ),
    )


def test_all_that_is_wrong_is_reported_together() -> None:
    found = faults("Last Nam,shoe,hat,firstName,FIRST_NAME\n", unknown_columns="reject")
    assert [kind for kind, _ in found] == [
        MissingColumn,
        MissingColumn,
        DuplicateColumn,
        UnknownColumn,
        UnknownColumn,
    ]
    assert "no column `xid`" in found[0][1]
    assert "`Last Nam`" in found[1][1]
    assert "as columns 4 `firstName` and 5 `FIRST_NAME`" in found[2][1]
    found = faults("lastName,Frist_Name,shoe\n", unknown_columns="reject")
    assert [kind for kind, _ in found] == [MissingColumn, MisspeltColumn, UnknownColumn]
    assert "`Frist_Name` to `firstName`" in found[1][1]


def test_an_alias_is_the_column_with_a_note() -> None:
    header = read_header("xid,SURNAME,t1.given_name\n", with_aliases())
    assert header.sources == {"xid": 0, "firstName": 2, "lastName": 1}
    assert header.notes == (
        (
            "Columns were matched by an alias: `t1.given_name` as `firstName`, "
            "`SURNAME` as `lastName`."
        ),
    )


@pytest.mark.parametrize("name", ["Surnam", "surnames", "t1.surnmae"])
def test_a_misspelt_alias_refuses_the_file(name: str) -> None:
    with pytest.raises(UnusableHeader) as refused:
        read_header(f"xid,lastName,{name}\n", with_aliases("firstName"))
    [fault] = refused.value.faults
    assert f"`{name}`" in str(fault)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("xid,lastName,[lastName]", "columns 2 `lastName` and 3 `[lastName]`"),
        ("t1.xid,lastName,t2.xid", "columns 1 `t1.xid` and 3 `t2.xid`"),
        ("\ufeffxid,lastName,'XID'", "columns 1 `xid` and 3 `'XID'`"),
        ("xid,lastName,Surname", "columns 2 `lastName` and 3 `Surname`"),
        ("xid,Surname,t1.sur_name,lastName", "2 `Surname` and 3 `t1.sur_name` and 4 `lastName`"),
    ],
)
def test_columns_that_are_one_are_named_with_spellings_and_positions(line: str, named: str) -> None:
    with pytest.raises(UnusableHeader) as refused:
        read_header(f"{line}\n", with_aliases())
    [fault] = refused.value.faults
    assert isinstance(fault, DuplicateColumn)
    assert named in str(fault)


def test_every_misspelt_column_is_named_at_once_however_many_there_are() -> None:
    names = [f"{word}level" for word in WORDS_APART.split()]
    sent = [name.replace("level", "levle") for name in names]
    with pytest.raises(UnusableHeader) as refused:
        read_header(f"xid,{','.join(sent)}\n", wide(names))
    [line] = format_faults(refused.value)
    assert all(f"`{ours}` for `{known}`" in line for ours, known in zip(sent, names, strict=True))


def test_a_name_in_two_spellings_is_a_duplicate_at_all_its_positions() -> None:
    [(kind, message)] = faults("xid,lastName,LASTNAME,last_name\n")
    assert kind is DuplicateColumn
    assert "as columns 2 `lastName` and 3 `LASTNAME` and 4 `last_name`" in message
    [(kind, message)] = faults("xid,lastName,lastName\n")
    assert "(as columns 2 and 3)" in message


@pytest.mark.parametrize("policy", ["ignore", "warn", "reject"])
def test_a_misspelt_column_refuses_the_file_whatever_becomes_of_unknown_ones(policy: str) -> None:
    [(kind, message)] = faults("xid,lastName,firstNmae\n", unknown_columns=policy)
    assert kind is MisspeltColumn
    assert "`firstNmae`" in message
    assert "`firstName`" in message


def test_a_column_close_to_one_that_the_file_has_is_ignored() -> None:
    header = read_header("xid,lastName,firstName,firstNmae\n", field_map())
    assert set(header.sources) == {"xid", "lastName", "firstName"}


def test_a_header_of_too_many_columns_is_refused_at_once() -> None:
    wide = ",".join(f"c{count}" for count in range(MAX_COLUMNS))
    with pytest.raises(TooManyColumns):
        read_header(f"xid,lastName,{wide}\n", field_map())


def test_faults_beyond_the_first_twenty_are_counted() -> None:
    problem = UnusableHeader([MissingColumn(f"c{n}", None) for n in range(1, 24)])
    *message, rest = format_faults(problem)
    assert message == [str(fault) for fault in problem.faults[:20]]
    assert rest == "And 3 more faults like these."


def test_a_problem_with_one_fault_is_one_line() -> None:
    problem = NoHeader(["xid"], None, None)
    assert format_faults(problem) == (str(problem),)


@pytest.mark.parametrize(("policy", "notes"), [("ignore", 0), ("warn", 1)])
def test_unknown_columns_are_ignored_by_policy(policy: str, notes: int) -> None:
    header = read_header("xid,shoe,firstName,lastName,\n", field_map(unknown_columns=policy))
    assert (header.width, len(header.notes)) == (5, notes)
    assert set(header.sources) == {"xid", "firstName", "lastName"}


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("xid,firstName,lastName,,,", "those without a name"),
        (",xid,shoe,firstName,lastName, ", "`shoe` and those without a name"),
    ],
)
def test_columns_without_a_name_are_noted_as_that(line: str, listed: str) -> None:
    (note,) = read_header(f"{line}\n", field_map()).notes
    assert note == f"Columns that are not in the field map were ignored: {listed}."


def test_extension_columns_are_accepted_where_allowed() -> None:
    text = "shoe__c,xid,firstName,lastName,HAT__C\n"
    assert list(read_header(text, field_map(extension_columns=True)).sources)[3:] == [
        "shoe__c",
        "HAT__C",
    ]
    assert "shoe__c" not in read_header(text, field_map()).sources


def test_an_extension_column_matches_no_other() -> None:
    text = "xid,lastName,firstName__c,[shoe_size__c],shoesize__c\n"
    header = read_header(text, field_map(extension_columns=True))
    assert list(header.sources)[2:] == ["firstName__c", "shoe_size__c", "shoesize__c"]
    assert set(read_header(text, field_map()).sources) == {"xid", "lastName"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("shoe size__c", UnusableColumnName),
        ("x" * 70 + "__c", UnusableColumnName),
        ("shoe__c,SHOE__C", DuplicateColumn),
    ],
)
def test_extension_columns_must_be_storable(name: str, kind: type[FileProblem]) -> None:
    found = faults(f"xid,lastName,{name}\n", extension_columns=True)
    assert [problem for problem, _ in found] == [kind]


def test_a_first_line_of_data_is_never_repeated() -> None:
    with pytest.raises(NoHeader) as refused:
        read_header("001,SECRET,Lee\n002,SECRET,Roe\n", field_map())
    assert "SECRET" not in str(refused.value)


def test_a_header_further_down_is_pointed_out() -> None:
    with pytest.raises(NoHeader) as refused:
        read_header("Export of today\n\nxid,firstName,lastName\n1,a,b\n", field_map())
    assert "Line 3 looks like the header" in str(refused.value)


def test_a_query_above_the_header_is_not_taken_for_it() -> None:
    query = "SQL> set colsep ','\nSQL> select xid, firstname, lastname, city from people;\n"
    with pytest.raises(NoHeader) as refused:
        read_header(
            query + "\nXID ,FIRSTNAME,LASTNAME,CITY\n----,---------,--------,----\n", field_map()
        )
    assert "Line 4 looks like the header" in str(refused.value)


@given(
    st.sampled_from([delimiter for delimiter in DELIMITERS if delimiter != " "]),
    st.sampled_from(",|\t"),
    st.booleans(),
)
def test_the_delimiter_is_detected_by_the_column_names(
    delimiter: str,
    own: str,
    quotes: bool,  # noqa: FBT001 - drawn
) -> None:
    names = ("xid", "firstName", "lastName")
    text = delimiter.join(f'"{name}"' if quotes else name for name in names)
    header = read_header(text, field_map(delimiter=own))
    assert (header.delimiter, header.width) == (delimiter, 3)
    assert len(header.notes) == (delimiter != own)


def test_another_delimiter_is_accepted_only_if_it_separates_two_names() -> None:
    """In `xid 1`, a line end is missing."""
    with pytest.raises(NoHeader):
        read_header("xid 1\n2 x\n", only_xid())
    header = read_header("xid|shoe__c\n", only_xid(extension_columns=True))
    assert (header.delimiter, list(header.sources)) == ("|", ["xid", "shoe__c"])


def wide(names: list[str]) -> FieldMap:
    fields = [{"name": "xid"}, *({"name": name} for name in names)]
    schema = {"primaryKey": "xid", "fields": fields}
    return FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})


def with_aliases(surname: str = "lastName") -> FieldMap:
    aliases = {"firstName": ["Given Name"], "lastName": []} | {surname: ["Surname"]}
    fields = [
        {"name": "xid"},
        *({"name": name, "alumniq": {"aliases": others}} for name, others in aliases.items()),
    ]
    schema = {"primaryKey": "xid", "fields": fields}
    return FieldMap.model_validate({"name": "people", "path": "people.csv", "schema": schema})


def only_xid(**rules: Any) -> FieldMap:
    schema = {"primaryKey": "xid", "fields": [{"name": "xid"}]}
    return FieldMap.model_validate(
        {"name": "people", "path": "people.csv", "alumniq": rules, "schema": schema}
    )


@given(st.text(max_size=60))
def test_any_beginning_is_a_header_or_a_problem(text: str) -> None:
    try:
        header = read_header(text, field_map())
    except FileProblem:
        return
    assert {"xid", "lastName"} <= set(header.sources)
