"""Addresses as people write them become addresses as mail servers take them, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.notifications.email_addresses import (
    EMAIL,
    addresses_in,
    bare_address,
    split_addresses,
)


def test_an_address_given_twice_is_written_to_once() -> None:
    assert addresses_in(" a@example.edu ,b@example.edu;Ann <a@example.edu>; ,") == (
        "a@example.edu",
        "b@example.edu",
    )


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("a@example.edu", "a@example.edu"),
        ("Ann <a@example.edu>", "a@example.edu"),
        ("<a@example.edu>", "a@example.edu"),
        ('"Lee, Ann" <a@example.edu>', "a@example.edu"),
        ('"Ann \\"A\\" Lee" <a@example.edu>', "a@example.edu"),
        ('"Ann\\", Lee" <a@example.edu>', "a@example.edu"),
        ('"Ann; \\\\" <a@example.edu>', "a@example.edu"),
        ("Zoë O'Neil<a@example.edu>", "a@example.edu"),
        ("a@example.edu <a@example.edu>", "a@example.edu"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("Ann <a@BÜCHER.example>", "a@xn--bcher-kva.example"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_an_address_is_taken_with_a_name_and_with_an_international_domain(
    written: str, address: str
) -> None:
    assert addresses_in(written) == (address,)


@pytest.mark.parametrize(
    "written",
    [
        "Ann",
        "Ann <>",
        "Ann <a>",
        "Ann <a@example.edu",
        "Ann <a@example.edu> Lee",
        "Ann <<a@example.edu>>",
        '"Ann <a@example.edu>',
        "a@example.edu (Ann)",
        "ä@example.edu",
        "a@\uff45xample.edu",
        "a@\u2603.example",
        "a@-\u00fc-.example",
        "a@\ud800.edu",
    ],
    ids=ascii,
)
def test_what_is_no_address_is_none(written: str) -> None:
    assert bare_address(written) is None


def test_a_name_in_quotes_may_contain_what_separates_addresses() -> None:
    emails = '"Lee, Ann; Dr." <a@example.edu>, Bob <b@example.edu>;c@example.edu'
    assert addresses_in(emails) == ("a@example.edu", "b@example.edu", "c@example.edu")


@given(st.text())
def test_an_address_never_holds_a_character_that_ends_a_mail_header(text: str) -> None:
    for written in (text, f"{text} <a@example.edu>", f"a@{text}", f'"{text}" <a@{text}.edu>'):
        address = bare_address(written)
        assert address is None or (EMAIL.fullmatch(address) and address.isascii())


@given(st.lists(st.from_regex(r"[a-z]{1,5}@[a-z]{1,5}\.edu", fullmatch=True), min_size=1))
def test_separated_addresses_are_found_again(addresses: list[str]) -> None:
    assert split_addresses(", ".join(f'"x, y" <{address}>' for address in addresses)) == tuple(
        f'"x, y" <{address}>' for address in addresses
    )
    assert addresses_in("; ".join(addresses)) == tuple(dict.fromkeys(addresses))
