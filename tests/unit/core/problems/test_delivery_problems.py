"""The sentences for deliveries that failed: complete, and of one form."""

import re

import pytest

from alumniq_pipelines.core.problems import delivery
from alumniq_pipelines.core.problems.delivery import DeliveryFault, explain_call
from alumniq_pipelines.core.problems.mail_delivery import explain_mail


def test_every_fault_has_its_sentence_and_what_to_do() -> None:
    assert set(delivery.SENTENCES) == set(DeliveryFault)
    for sentences in (*delivery.SENTENCES.values(), *delivery.STATUS_SENTENCES.values()):
        assert all(re.fullmatch(r"[A-Z].*\.", text) for text in sentences)


def test_every_code_is_in_kebab_case() -> None:
    assert [fault for fault in DeliveryFault if not re.fullmatch("[a-z]+(-[a-z]+)*", fault)] == []


@pytest.mark.parametrize("fault", DeliveryFault)
def test_a_stored_fault_leads_to_its_own_code_and_no_gap_in_its_sentence(
    fault: DeliveryFault,
) -> None:
    problem = explain_call(f"{fault} 15")
    assert problem.code == fault
    assert "{" not in str(problem)


MAILS = {
    "SMTP 550": ("smtp-550", "The mail server did not take the mail (SMTP 550)."),
    "SMTP -1": ("mail-failed", "The mail could not be sent."),
    "ConnectionRefusedError": ("mail-failed", "The mail server refused the connection."),
    "SMTPException": ("mail-failed", "The mail could not be sent."),
    "our-fault": ("mail-failed", "The mail could not be sent."),
    "No login (SMTP 535).": ("mail-failed", "No login (SMTP 535)."),
}


@pytest.mark.parametrize(("stored", "shown"), MAILS.items())
def test_a_mail_that_was_not_sent_says_so_in_a_sentence(
    stored: str, shown: tuple[str, str]
) -> None:
    problem = explain_mail(stored)
    assert (problem.code, str(problem)) == shown


STORED_BEFORE = {
    "ConnectError": ("connection-failed", "The connection to the receiver failed."),
    "ConnectTimeout": ("connection-failed", "The connection to the receiver failed."),
    "ReadError": ("no-valid-answer", "No valid answer of the receiver arrived."),
    "RemoteProtocolError": ("no-valid-answer", "No valid answer of the receiver arrived."),
    "gaierror": ("lookup-failed", "could not be looked up"),
    "no answer within 15 seconds": ("timed-out", "within 15 seconds"),
    "the name has no address": ("no-such-name", "has no address"),
    "the address is not public": ("address-not-allowed", "not public"),
    "the URL cannot be called": ("url-unusable", "cannot be called"),
    "no chat is set": ("no-webhook", "is no longer set"),
    "no Teams webhook is set": ("no-webhook", "is no longer set"),
    "KeyError": ("our-fault", "a fault on our side."),
    "ConnectionResetError": ("no-valid-answer", "No valid answer of the receiver arrived."),
    "tls-later 3": ("tls-later", "The notification was not delivered."),
    "HTTP 404": ("http-404", "has nothing at this URL"),
}


@pytest.mark.parametrize(("stored", "shown"), STORED_BEFORE.items())
def test_an_attempt_of_an_earlier_release_is_readable(stored: str, shown: tuple[str, str]) -> None:
    problem = explain_call(stored)
    assert (problem.code, shown[1] in str(problem)) == (shown[0], True)
    assert stored not in str(problem)
