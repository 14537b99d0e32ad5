"""Every single wrong letter is a misspelling, and no header of another database is one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from alumniq_pipelines.checking.header import read_header
from alumniq_pipelines.core.feeds.column_names import ColumnNames
from alumniq_pipelines.core.feeds.column_spellings import fold
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.problems.header import MisspeltColumn, UnknownColumn, UnusableHeader
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(Path(__file__).resolve().parents[3] / "schemas")

EXPORTED = """
AccountId AccountName ContactID Salutation Suffix MailingStreet MailingCity MailingState
MailingPostalCode MailingCountry OtherStreet OtherCity OtherPostalCode OtherPhone Fax AssistantName
AssistantPhone ReportsToId LeadSource Birthdate HasOptedOutOfEmail DoNotCall EmailBouncedDate
LastActivityDate LastModifiedDate LastModifiedById CreatedDate CreatedById OwnerId RecordTypeId
npe01__HomeEmail__c npe01__WorkEmail__c npo02__LastCloseDate__c

CnBio_ID CnBio_System_ID CnBio_First_Name CnBio_Last_Name CnBio_Middle_Name CnBio_Maiden_name
CnBio_Suffix_1 CnBio_Title_1 CnBio_Birth_date CnBio_Deceased CnBio_Gender CnAdrPrf_Addrline1
CnAdrPrf_City CnAdrPrf_State CnAdrPrf_ZIP CnPh_1_01_Phone_number CnPrAl_Class_of CnPrAl_Degree
CnPrAl_School_name CnAttrCat_1_01_Description Constituent_ID Constituent_Code Import_ID Addressee
Primary_Addressee Primary_Salutation Spouse_Name Spouse_Last_Name Gift_Date Gift_Amount
First_Gift_Date Last_Gift_Date Largest_Gift_Amount Fund_Description Appeal_ID Fund_ID Campaign_ID

ID_NUMBER PREF_MAIL_NAME PREF_NAME_SORT PREF_JNT_MAIL_NAME1 REPORT_NAME RECORD_STATUS_CODE
RECORD_TYPE_CODE PERSON_OR_ORG PERS_SUFFIX PREF_ADDR_TYPE_CODE SPOUSE_ID_NUMBER BIRTH_DT DEATH_DT
MARITAL_STATUS_CODE ETHNIC_CODE DATE_ADDED DATE_MODIFIED OPERATOR_NAME ADDR_TYPE_CODE COUNTRY_CODE
CARE_OF COMPANY_NAME_1 BUSINESS_TITLE START_DT STOP_DT MAIL_ADDRESS TELEPHONE_TYPE_CODE AREA_CODE

SPRIDEN_PIDM SPRIDEN_ID SPRIDEN_LAST_NAME SPRIDEN_FIRST_NAME SPRIDEN_MI SPBPERS_NAME_PREFIX
SPBPERS_BIRTH_DATE SPBPERS_SEX SPBPERS_DEAD_IND SPRADDR_ATYP_CODE SPRADDR_STREET_LINE1 SPRADDR_CITY
SPRADDR_STAT_CODE SPRADDR_ZIP SPRADDR_NATN_CODE SPRTELE_PHONE_NUMBER GOREMAL_EMAIL_ADDRESS
APBCONS_PREF_CLAS APBCONS_COLL_CODE_PREF AARMEMB_MEMBER_NO AARMEMB_ENTRY_DATE SHRDGMR_DEGC_CODE
SHRDGMR_GRAD_DATE STVMAJR_DESC ADBDESG_DESG ADBDESG_NAME ADBDESG_ACTIVE_IND PIDM TERM_CODE
"""
"""Headers of exports from Salesforce, Raiser's Edge, Advance and Banner that no feed knows."""

OTHER_WORDS = {
    "donors": "honors",
    "joinMemberXid": "jointMemberXid",
    "jointMemberid": "jointMemberXid",
    "lender": "gender",
    "sender": "gender",
    "tender": "gender",
    "listName": "lastName",
    "badgeListNameOverride": "badgeLastNameOverride",
    "mailAddress": "emailAddress",
    "mailaddress": "emailaddress",
    "portalCode": "postalCode",
    "membershipStates": "membershipStatus",
    "pastName": "lastName",
    "badgePastNameOverride": "badgeLastNameOverride",
    "pointMemberXid": "jointMemberXid",
    "preschool": "prefschool",
    "prospectManagermail": "prospectManagerEmail",
    "street": "street1",
}
"""Names of one wrong letter that are words themselves."""

FEWEST_LETTERS = 6
"""Of a name in which any letter may be wrong."""

REPLACEMENTS = "etx"


def column_names(field_map: FieldMap) -> Sequence[str]:
    return [column.name for column in field_map.columns]


@pytest.mark.parametrize("field_map", list(CATALOG), ids=lambda given: given.name)
def test_a_header_of_another_database_is_no_misspelling(field_map: FieldMap) -> None:
    known, names = ColumnNames(field_map), column_names(field_map)
    refused = {name: known.probable_match(name, names) for name in EXPORTED.split()}
    assert {name: column for name, column in refused.items() if column} == {}


def edited(name: str) -> Iterator[str]:
    """Yield a name with one letter left out, doubled, swapped or replaced."""
    for at, letter in enumerate(name):
        before, after = name[:at], name[at + 1 :]
        if letter.isdecimal():
            continue
        yield before + after
        yield before + letter * 2 + after
        yield before + after[:1] + letter + after[1:]
        yield from (before + other + after for other in REPLACEMENTS)


@pytest.mark.parametrize("field_map", list(CATALOG), ids=lambda given: given.name)
def test_one_wrong_letter_in_an_optional_column_is_a_misspelling(field_map: FieldMap) -> None:
    known, names = ColumnNames(field_map), column_names(field_map)
    matching = {fold(name) for name in names}
    missed = {
        name: column.name
        for column in field_map.columns
        if not field_map.is_required(column) and len(column.name) >= FEWEST_LETTERS
        for name in edited(column.name)
        if fold(name) not in matching and name not in OTHER_WORDS
        if known.probable_match(name, names) != column.name
    }
    assert missed == {}


def test_a_word_of_the_field_map_alone_is_no_misspelling_of_another() -> None:
    fields = tuple(Column(name=name) for name in ("frobnicator", "frobnicatorId"))
    schema = CATALOG.feed("warehouse").table_schema.model_copy(update={"fields": fields})
    known = CATALOG.feed("warehouse").model_copy(update={"table_schema": schema})
    assert ColumnNames(known).probable_match("frobnicators", ["frobnicator"]) == "frobnicator"
    assert ColumnNames(known).probable_match("Frobnicator Ids", ["frobnicator"]) is None


@pytest.mark.parametrize("name", ["1", "#", "1 1", "é", "11", "a" * 200])
def test_an_odd_name_is_no_misspelling(name: str) -> None:
    fields = (Column(name="1"), Column(name="#"), Column(name="code"))
    schema = CATALOG.feed("warehouse").table_schema.model_copy(update={"fields": fields})
    known = ColumnNames(CATALOG.feed("warehouse").model_copy(update={"table_schema": schema}))
    assert known.probable_match(name, ["code"]) is None


def test_names_as_a_database_writes_them_match_at_the_first_load() -> None:
    """Names, addresses and numbers were once published blank, with a note only."""
    names = "XID,FIRST_NAME,LAST_NAME,EMAIL_ADDRESS,Mobile Phone Number,POSTAL_CODE"
    header = read_header(f"{names}\n", CATALOG.feed("warehouse"))
    found = ["xid", "firstName", "lastName", "postalCode", "emailAddress", "mobilePhoneNumber"]
    assert list(header.sources) == found


@pytest.mark.parametrize("policy", ["ignore", "warn", "reject"])
def test_every_pair_of_a_misspelt_and_an_absent_column_is_named(policy: str) -> None:
    warehouse = CATALOG.feed("warehouse")
    rules = warehouse.alumniq.model_copy(update={"unknown_columns": policy})
    with pytest.raises(UnusableHeader) as refused:
        read_header(
            "xid,Frist Name,lastName,Email,t1.mobile,City Name,shoe\n",
            warehouse.model_copy(update={"alumniq": rules}),
        )
    misspelt, *others = refused.value.faults
    assert isinstance(misspelt, MisspeltColumn)
    for name, column in {
        "Frist Name": "firstName",
        "Email": "emailAddress",
        "t1.mobile": "mobilePhoneNumber",
        "City Name": "city",
    }.items():
        assert f"`{name}` for `{column}`" in str(misspelt)
    assert [type(fault) for fault in others] == [UnknownColumn] * (policy == "reject")
