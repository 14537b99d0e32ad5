"""Column names: what is refused as a misspelling, on the real field maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.column_names import ColumnNames
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(Path(__file__).resolve().parents[4] / "schemas")

MISSPELT: Mapping[str, Mapping[str, str | None]] = {
    "warehouse": {
        "emailAdress": "emailAddress",
        "email_addres": "emailAddress",
        "emialAddress": "emailAddress",
        "Email": "emailAddress",
        "E-mail": "emailAddress",
        "Email1": "emailAddress",
        "email_addr": "emailAddress",
        "EMAIL_ADDRESS_TEXT": "emailAddress",
        "primaryEmail": "emailAddress",
        "Preferred E-mail Address": "emailAddress",
        "Address E-mail": "emailAddress",
        "addressEmail": "emailAddress",
        "MobilePhone": "mobilePhoneNumber",
        "mobile": "mobilePhoneNumber",
        "MOBILE_PHONE_NBR": "mobilePhoneNumber",
        "mobilPhoneNumber": "mobilePhoneNumber",
        "Home Phone": "homePhoneNumber",
        "first": "firstName",
        "Name_First": "firstName",
        "LAST_NM": "lastName",
        "last": "lastName",
        "Maiden": "maidenName",
        "address": "address1",
        "Address Line 1": "address1",
        "Address, line 2": "address2",
        "stae": "state",
        "State/Province": "state",
        "StateCode": "state",
        "cityName": "city",
        "postal": "postalCode",
        "POSTAL_CD": "postalCode",
        "Preferred Class Year": "prefclassyear",
        "classYear": "prefclassyear",
        "CLASS_YR": "prefclassyear",
        "school": "prefschool",
        "degree": "prefdegree",
        "Degree Type": "prefdegreetype",
        "isAlumni": "isAlumnus",
        "memberTyp": "memberType",
        "Prospect Manager Name": "prospectManager",
        "Prefered Class Year": "prefclassyear",
        "Perf School": "prefschool",
        "prefclassyr": "prefclassyear",
        "perfclassyear": "prefclassyear",
        "isAlumna": "isAlumnus",
        "Middle Names": "middleName",
    },
    "warehouse-degrees": {
        "degree": "degreeDescription",
        "degreeCd": "degreeCode",
        "major": "majors",
        "honours": "honors",
        "Conferral": "conferralDate",
        "class": "classYear",
        "schoolCode": "school",
    },
    "warehouse-designations": {
        "discription": "description",
        "campain": "campaign",
        "sort": "sortOrder",
        "minimum": "minimumGift",
        "School or Unit": "unit",
        "units": "unit",
        "names": "name",
    },
    "warehouse-lookups": {"desc": "description", "SortOrdr": "sortOrder"},
    "warehouse-membership-summary": {
        "joinedDate": "joinDate",
        "expireDate": "expiryDate",
        "membershipStat": "membershipStatus",
        "Joint Member": "jointMemberXid",
    },
    "volunteer-prospect": {
        "Email": "emailaddress",
        "phone": "preferredphonenumber",
        "phoneNumber": "preferredphonenumber",
        "first": "firstname",
        "street": "street1",
        "zipCode": "zip",
        "prospect type": "prospecttypes",
        "pronoun": "pronouns",
        "preferedphonenumber": "preferredphonenumber",
    },
    "warehouse-b": {"emailAddress": None},
}
"""Names that are not in the field map, and the column each stands for where the file lacks it."""

COLUMNS_OF_THEIR_OWN = {
    "warehouse": (
        "Mail Address",
        "Mail Address 1",
        "MAIL_ADDRESS",
        "mailaddress",
        "First Date",
        "Last Date",
        "Class Name",
        "Past Name",
        "Portal Code",
        "Prospect Manager ID",
        "Member Type ID",
        "Postal Code ID",
        "is member type",
        "phone",
        "workPhone",
        "businessEmailAddress",
        "spouseEmailAddress",
        "emailAddress2",
        "emailType",
        "emailOptOut",
        "mobileOptIn",
        "home",
        "address3",
        "city2",
        "homeCity",
        "birthCity",
        "cityOfBirth",
        "nationality",
        "country",
        "status",
        "suffix",
        "name",
        "fullName",
        "id",
        "xid3",
        "gender",
        "birthDate",
        "pref",
        "preferred",
        "faculty",
        "staff",
        "student",
        "member",
        "isFacultyEmeritus",
        "isInStaff",
        "isNotStudent",
        "isCurrentStudent",
        "prospect",
        "prospectRating",
        "memberNumber",
        "lastNameSuffix",
        "lastGift",
        "lastModified",
        "schoolYear",
        "zip",
        "zip4",
        "emailAddress__c",
        "",
        "-",
    ),
    "warehouse-degrees": (
        "Donors",
        "Degree Type Description",
        "Degree Type ID",
        "School Name",
        "Honors Text",
        "degreeLevel",
        "degreeStatus",
        "schoolYear",
        "year",
        "gpa",
        "minor2",
        "major2",
        "preferred",
        "graduationDate",
        "honorsThesis",
        "code",
        "type",
    ),
    "warehouse-designations": (
        "Inactive",
        "inactive",
        "unActive",
        "Is Native",
        "Campaign ID",
        "campaignid",
        "Campaign Name",
        "Unit Name",
        "Sort Order ID",
        "isInactive",
        "isUnsearchable",
        "active",
        "effective",
        "startDate",
        "maximumGift",
        "department",
    ),
    "warehouse-lookups": (
        "Inactive",
        "Sort Order ID",
        "isInactive",
        "active",
        "order",
        "listed",
        "type",
    ),
    "warehouse-membership-summary": (
        "Rejoin Date",
        "rejoindate",
        "Born Date",
        "Loan Date",
        "Joint Date",
        "Membership Level Description",
        "membershipLevelId",
        "renewDate",
        "birthDate",
        "lifetime",
        "joint",
        "membership",
        "spouseXid",
        "amount",
    ),
    "volunteer-prospect": (
        "Mail Address",
        "Sender",
        "Foreign City",
        "foreigncity",
        "Nation Name",
        "preferred",
        "foreign",
        "sex",
        "street4",
        "address",
        "zip4",
    ),
    "warehouse-b": ("email", "id", "name"),
}
"""Names that are not in the field map and must not keep a file out, whatever it lacks."""


def column_names(feed: str) -> Sequence[str]:
    return [column.name for column in CATALOG.feed(feed).columns]


@pytest.mark.parametrize(
    ("feed", "name", "column"),
    [(feed, name, column) for feed, names in MISSPELT.items() for name, column in names.items()],
)
def test_a_misspelt_name_is_known_by_what_it_stands_for(
    feed: str, name: str, column: str | None
) -> None:
    known = ColumnNames(CATALOG.feed(feed))
    absent = column_names(feed)
    assert known.probable_match(name, absent) == column
    present = [column_name for column_name in absent if column_name != column]
    assert known.probable_match(name, present) is None


@pytest.mark.parametrize(
    ("feed", "name"),
    [(feed, name) for feed, names in COLUMNS_OF_THEIR_OWN.items() for name in names],
)
def test_a_column_of_its_own_is_no_misspelling(feed: str, name: str) -> None:
    assert ColumnNames(CATALOG.feed(feed)).probable_match(name, column_names(feed)) is None


def test_every_field_map_is_in_both_tables() -> None:
    feeds = {field_map.name for field_map in CATALOG}
    assert set(MISSPELT) == set(COLUMNS_OF_THEIR_OWN) == feeds


def test_no_known_column_is_taken_for_another_that_is_absent() -> None:
    for field_map in CATALOG:
        names = [column.name for column in field_map.columns]
        for absent in names:
            fields = tuple(column for column in field_map.columns if column.name != absent)
            schema = field_map.table_schema.model_copy(update={"fields": fields})
            others = ColumnNames(field_map.model_copy(update={"table_schema": schema}))
            assert others.probable_match(absent, []) is None
