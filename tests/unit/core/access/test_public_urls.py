"""The public URLs: which settings are accepted, and which host belongs to which environment."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.settings import QaHostNotItsOwn, UnusablePublicUrl
from alumniq_pipelines.settings import Settings, child_environment

PRODUCTION, QA = "https://feeds.example.edu", "https://qa-feeds.example.edu"
URLS = PublicUrls(PRODUCTION, QA)


def test_without_settings_both_environments_have_the_gateways_own_address() -> None:
    settings = Settings(gateway_port=8081)
    assert settings.public_urls == PublicUrls.shared("http://127.0.0.1:8081")
    assert settings.public_urls.is_shared


def test_production_alone_is_the_address_of_both() -> None:
    assert Settings(public_url=PRODUCTION).public_urls == PublicUrls.shared(PRODUCTION)


def test_each_environment_has_its_own_address_and_staff_have_productions() -> None:
    settings = Settings(public_url=PRODUCTION, qa_public_url=QA)
    assert settings.public_urls == URLS
    assert [URLS.of(Environment.PRODUCTION), URLS.of(Environment.QA)] == [PRODUCTION, QA]
    assert URLS.staff == settings.gateway_url == PRODUCTION
    assert not URLS.is_shared


def test_a_slash_at_the_end_is_no_part_of_an_address() -> None:
    settings = Settings(public_url=f" {PRODUCTION}/ ", qa_public_url=f"{QA}/")
    assert settings.public_urls == URLS


def test_a_child_process_gets_both_addresses() -> None:
    variables = child_environment(Settings(public_url=PRODUCTION, qa_public_url=QA))
    assert variables["ALUMNIQ_PUBLIC_URL"] == PRODUCTION
    assert variables["ALUMNIQ_QA_PUBLIC_URL"] == QA


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("feeds.example.edu", "does not begin with https:// or http://"),
        ("//feeds.example.edu", "does not begin with https:// or http://"),
        ("ftp://feeds.example.edu", "does not begin with https:// or http://"),
        ("https://", "names no host"),
        ("https://:443", "names no host"),
        ("https://feeds.example.edu:0", "names no host"),
        ("https://feeds.example.edu:port", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://ann:secret@feeds.example.edu", "has a user name or password"),
        ("https://feeds.example.edu/alumniq", "has more than a scheme and a host"),
        ("https://feeds.example.edu//", "has more than a scheme and a host"),
        ("https://feeds.example.edu?a=b", "has more than a scheme and a host"),
        ("https://feeds.example.edu/#top", "has more than a scheme and a host"),
        ("https://fééds.example.edu", "has blanks or letters beyond ASCII"),
        ("https://feeds example.edu", "has blanks or letters beyond ASCII"),
    ],
)
def test_an_unusable_address_is_refused_with_the_name_of_its_setting(url: str, fault: str) -> None:
    for name, given_settings in (
        ("ALUMNIQ_PUBLIC_URL", {"public_url": url}),
        ("ALUMNIQ_QA_PUBLIC_URL", {"public_url": PRODUCTION, "qa_public_url": url}),
    ):
        values: dict[str, Any] = dict(given_settings)
        with pytest.raises(UnusablePublicUrl) as raised:
            Settings(**values)
        assert str(raised.value).startswith(f"{name} {fault}")
        assert "secret" not in str(raised.value)


def test_qa_alone_is_refused() -> None:
    with pytest.raises(QaHostNotItsOwn, match="ALUMNIQ_PUBLIC_URL is not set"):
        Settings(qa_public_url=QA)


@pytest.mark.parametrize(
    "qa",
    [
        PRODUCTION,
        "http://feeds.example.edu",
        "https://FEEDS.example.edu./",
        "https://feeds.example.edu:8443",  # a browser would send its cookies to both ports
    ],
)
def test_two_addresses_on_one_host_are_refused(qa: str) -> None:
    with pytest.raises(QaHostNotItsOwn, match="ALUMNIQ_PUBLIC_URL has the same host"):
        Settings(public_url=PRODUCTION, qa_public_url=qa)


@pytest.mark.parametrize(
    ("host", "environment"),
    [
        ("feeds.example.edu", Environment.PRODUCTION),
        ("FEEDS.Example.EDU", Environment.PRODUCTION),
        ("feeds.example.edu:443", Environment.PRODUCTION),
        ("feeds.example.edu:8080", Environment.PRODUCTION),
        ("feeds.example.edu.", Environment.PRODUCTION),
        ("qa-feeds.example.edu", Environment.QA),
        ("QA-feeds.example.edu.:8443", Environment.QA),
        ("", None),
        ("127.0.0.1:8080", None),
        ("[::1]:8080", None),
        ("[::1", None),
        ("gateway.internal", None),
        ("other.feeds.example.edu", None),
        ("feeds.example.edu.evil.example", None),
        ("xfeeds.example.edu", None),
    ],
)
def test_a_host_belongs_to_the_environment_of_its_address(
    host: str, environment: Environment | None
) -> None:
    assert URLS.environment_at(host) is environment


def test_a_shared_host_belongs_to_no_environment_alone() -> None:
    assert PublicUrls.shared(PRODUCTION).environment_at("feeds.example.edu") is None


@given(st.text())
def test_any_text_is_a_host_that_can_be_looked_up(host: str) -> None:
    assert URLS.environment_at(host) in {None, *Environment}


@given(st.text())
def test_any_text_is_accepted_as_an_address_or_refused_in_a_sentence(url: str) -> None:
    try:
        found = PublicUrls.of_settings(url, "").production
    except UnusablePublicUrl as problem:
        found = str(problem)
    assert found.startswith(("ALUMNIQ_PUBLIC_URL ", "http://", "https://")) or not url.strip()
