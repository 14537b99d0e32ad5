"""Which spellings of a column name in a file are the name, and which are another one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.column_spellings import (
    ColumnSpellings,
    extension_name,
    fold,
    is_extension_name,
)
from alumniq_pipelines.core.feeds.field_map import FieldMap


def spellings(*fields: dict[str, Any]) -> ColumnSpellings:
    document = {"name": "people", "path": "people.csv", "schema": {"fields": list(fields)}}
    return ColumnSpellings(FieldMap.model_validate(document))


PEOPLE = spellings(
    {"name": "xid"},
    {"name": "firstName"},
    {"name": "email", "alumniq": {"aliases": ["Home Mail", "mail.address"]}},
)


@pytest.mark.parametrize(
    "spelling",
    [
        "emailAddress",
        "EMAIL_ADDRESS",
        "Email Address",
        " email-address ",
        "[emailAddress]",
        "[email address]",
        "`email.address`",
        '"emailAddress"',
        "'EMAIL ADDRESS'",
        ' "email_address" ',
        "'emailAddress",
        "\ufeffEmail_Address",
        '\ufeff"emailAddress"',
        "email\u200bAddress\u200b",
        "e.mail[Address]",
        "E-mail address",
        "\u200fEmail\u200eAddress\u202c",
        "\uff25\uff2d\uff21\uff29\uff2c\uff3f\uff21ddress",
        "email\u00a0address",
    ],
)
def test_case_blanks_marks_and_quotes_make_no_other_name(spelling: str) -> None:
    assert fold(spelling) == fold("emailAddress")


@pytest.mark.parametrize(
    ("one", "other"),
    [("xid", "xid2"), ("shoe__c", "shoec"), ("address1", "address2"), ("-", "_"), ("", "-")],
)
def test_names_that_differ_otherwise_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_the_ending_of_a_senders_own_column_is_known_whatever_stands_around_it() -> None:
    names = ("shoe__c", "SHOE__C", "[shoe__c]", " `shoe__C` ", '"shoe__c"', "t1.[shoe__c]")
    assert all(is_extension_name(name) for name in names)
    assert {extension_name(name).casefold() for name in names} == {"shoe__c"}
    assert fold("Shoe Size__c") == fold("shoe_size__C")
    assert not is_extension_name("shoe_c")


@given(st.text(max_size=30) | st.text("ab .-_[]`\"'c\ufeff", max_size=30))
def test_folding_twice_changes_nothing_more(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@pytest.mark.parametrize(
    "name",
    [
        "constituent.firstName",
        "t1.FIRST_NAME",
        "[dbo].[People].[first_name]",
        "[srv 1].[Alumni].[dbo].[My People].[First Name]",
        "Alumni..People.first_name",
        '"X"."FIRST_NAME"',
        "`alumni`.`people`.`first_name`",
        "people.first.name",
        "[people.firstName]",
        "#people.firstName",
        "People::First Name",
        "\ufeff[t1].firstName",
    ],
)
def test_a_tables_name_before_a_name_does_not_count(name: str) -> None:
    assert PEOPLE.column(name) == "firstName"


@pytest.mark.parametrize(
    "name",
    [
        "No. firstName",
        "firstName.",
        "firstName.t1",
        "a@b.firstName",
        "1.xid",
        "t1.",
        ".",
        "t1. xid",
    ],
)
def test_what_is_no_tables_name_counts(name: str) -> None:
    assert PEOPLE.column(name) == ("firstName" if name == "firstName." else None)


def test_a_column_whose_name_has_a_dot_is_itself_before_it_is_another_with_a_table() -> None:
    known = spellings({"name": "owner.email"}, {"name": "email"})
    assert known.column("Owner.Email") == "owner.email"
    assert known.column("dbo.owner.email") == "owner.email"
    assert known.column("spouse.email") == "email"


@pytest.mark.parametrize(
    "name", ["Home Mail", "HOME_MAIL", "[home mail]", "Mail Address", "t1.MailAddress", "EMAIL"]
)
def test_an_alias_matches_like_the_name_itself(name: str) -> None:
    assert PEOPLE.column(name) == "email"


@given(st.text(max_size=40) | st.text("ab.[]`\"' x", max_size=40))
def test_any_name_is_looked_up(name: str) -> None:
    assert PEOPLE.column(name) in {"xid", "firstName", "email", None}
