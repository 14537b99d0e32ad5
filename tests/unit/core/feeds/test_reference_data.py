"""A reference set takes what its library takes; what surely belongs is known without asking it."""

import re
import subprocess
import sys
from typing import get_args

import email_validator
import phonenumbers
import pycountry
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alumniq_pipelines.checking.rules import Rule, advice_of, message_of
from alumniq_pipelines.core.feeds import reference_data
from alumniq_pipelines.core.feeds.field_map import Column, ReferenceSet
from alumniq_pipelines.core.feeds.reference_data import certain_match, is_member

MEMBERS: dict[ReferenceSet, tuple[str, ...]] = {
    "country": ("US", "USA", "DE", "DEU", "TW"),
    "country-alpha-2": ("US", "GB"),
    "country-alpha-3": ("USA", "GBR"),
    "subdivision": ("US-MA", "US-DC", "GB-ENG", "FR-75C"),
    "email": (
        "margaret.oneill@example.edu",
        "o'neill+news@alumni.example.ac.uk",
        "jane@example.edu.invalid",
        "jane@mail.test",
        "jané@exämple.edu",
        f"{'long' * 12}@{'longer.' * 8}example.edu",
    ),
    "phone": ("+14135550102", "+441632960001", "+390612345678", "+80012345678", "+5491123456789"),
    "url": (
        "https://www.example.edu",
        "http://example.edu/people?id=7#top",
        "HTTPS://Example.edu",
        "http://localhost:8000/",
        "https://192.0.2.1/x",
        "https://example.edu/Müller",
        "https://user@example.edu/",
    ),
}
STRANGERS: dict[ReferenceSet, tuple[str, ...]] = {
    "country": ("us", "Usa", "UK", "XX", "840", "United States", " US"),
    "country-alpha-2": ("USA", "us"),
    "country-alpha-3": ("US", "usa"),
    "subdivision": ("MA", "us-ma", "US-XX", "US_MA", "US"),
    "email": (
        "margaret",
        "margaret@example",
        "mar garet@example.edu",
        "margaret@example.edu\n",
        "margaret@@example.edu",
        "margaret..oneill@example.edu",
        "margaret@-example.edu",
        "margaret@example.edu; jane@example.edu",
        "Margaret <margaret@example.edu>",
        "margaret@[192.0.2.1]",
    ),
    "phone": (
        "(413) 555-0102",
        "+1 413 555 0102",
        "14135550102",
        "+1413555010",
        "+141355501021",
        "+15550102",
        "+9991234567",
        "+4401632960001",
        "+14135550102x3",
        "+1٤135550102",
    ),
    "url": (
        "www.example.edu",
        "ftp://example.edu",
        "http:example.edu",
        "https:///example.edu",
        "https://",
        "https://exam ple.edu",
        "https://example.edu/a b",
        "https://192.0.2.1.5",
        "https://example.edu:99999",
        "https://example.edu\n",
        "javascript://example.edu",
    ),
}


@pytest.mark.parametrize(
    ("reference", "text"),
    [(reference_set, text) for reference_set, texts in MEMBERS.items() for text in texts],
)
def test_what_belongs_is_taken(reference: ReferenceSet, text: str) -> None:
    assert is_member(text, reference)


@pytest.mark.parametrize(
    ("reference", "text"),
    [(reference_set, text) for reference_set, texts in STRANGERS.items() for text in texts],
)
def test_what_does_not_belong_is_refused(reference: ReferenceSet, text: str) -> None:
    assert not is_member(text, reference)


def test_every_set_is_known_and_worded() -> None:
    assert set(get_args(ReferenceSet)) == MEMBERS.keys() == STRANGERS.keys()
    for reference_set in get_args(ReferenceSet):
        column = Column.model_validate({"name": "c", "alumniq": {"reference": reference_set}})
        assert message_of(Rule.REFERENCE, column).startswith("`c` is not a")
        example = advice_of(Rule.REFERENCE, column).rpartition(", such as ")[2].removesuffix(".")
        assert is_member(example, reference_set)


def test_the_example_of_the_field_map_is_preferred_to_ours() -> None:
    column = Column.model_validate(
        {"name": "nation", "example": "CAN", "alumniq": {"reference": "country"}}
    )
    assert advice_of(Rule.REFERENCE, column).endswith(
        "ISO 3166-1 code in capital letters, such as CAN."
    )


LABELS = st.lists(st.text("aZ0", min_size=1, max_size=5), min_size=1, max_size=3).map("-".join)
HOSTS = st.builds(
    lambda labels, last: ".".join([*labels, last]),
    st.lists(LABELS, min_size=1, max_size=2),
    st.text("aZ", min_size=2, max_size=5),
)
MAILBOXES = st.lists(
    st.text("aZ0!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=6), min_size=1, max_size=3
).map(".".join)
ADDRESSES = st.builds(lambda mailbox, host: f"{mailbox}@{host}", MAILBOXES, HOSTS)
PAGES = st.builds(
    lambda scheme, host, rest: f"{scheme}://{host}{rest}",
    st.sampled_from(["http", "https"]),
    HOSTS,
    st.text("aZ0._~/?#&=+-", max_size=12).map(lambda text: text and f"/{text}"),
)


@given(ADDRESSES.filter(lambda text: len(text) <= certain_match("email").max_length))
def test_what_surely_is_an_address_is_one_to_the_library_too(text: str) -> None:
    assert re.fullmatch(certain_match("email").pattern, text)
    assert reference_data._is_email(text)


@given(PAGES)
def test_what_surely_is_a_web_address_is_one_to_the_library_too(text: str) -> None:
    assert re.fullmatch(certain_match("url").pattern, text)
    assert reference_data._is_url(text)


@pytest.mark.parametrize("numbers", reference_data._PHONES)
@given(data=st.data())
def test_what_surely_is_a_number_of_a_country_is_taken_by_the_library_too(
    numbers: str, data: st.DataObject
) -> None:
    assert reference_data._is_phone(data.draw(st.from_regex(rf"\+{numbers}", fullmatch=True)))


@given(st.emails() | st.text('ab1@.\u3002-_é\n "', min_size=5, max_size=12))
@example("a@b\u3002cd")
@example("a@b.1c")
def test_every_address_that_the_library_takes_belongs(text: str) -> None:
    try:
        email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return
    assert is_member(text, "email")


def test_the_library_s_examples_of_numbers_of_all_countries_belong() -> None:
    examples = {
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        for region in phonenumbers.SUPPORTED_REGIONS
        if (number := phonenumbers.example_number(region))
    }
    assert len(examples) > 200
    assert {text for text in examples if not is_member(text, "phone")} == set()


def test_all_codes_of_iso_3166_belong_and_no_withdrawn_one() -> None:
    assert all(is_member(country.alpha_2, "country") for country in pycountry.countries)
    assert all(is_member(subdivision.code, "subdivision") for subdivision in pycountry.subdivisions)
    assert not is_member("DDR", "country")


def test_no_library_is_imported_before_a_text_needs_it() -> None:
    program = """
        import sys
        from alumniq_pipelines.core.feeds.reference_data import is_member, certain_match
        assert is_member("margaret@example.edu", "email") and not is_member("(413) 555", "phone")
        certain_match("phone"), certain_match("email"), certain_match("url")
        print(sorted({"email_validator", "phonenumbers", "pycountry"} & sys.modules.keys()))
    """
    lines = "\n".join(line.strip() for line in program.splitlines())
    ran = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
