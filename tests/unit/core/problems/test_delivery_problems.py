"""The sentences for deliveries that failed: complete, and of one form."""

import re

import pytest

from alumniq_pipelines.core.problems import delivery
from alumniq_pipelines.core.problems.delivery import DeliveryFault, explain_call, explain_mail


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


def test_a_mail_that_was_not_sent_says_so_without_a_word_about_a_receiver() -> None:
    assert str(explain_mail("ConnectionRefusedError")) == (
        "The mail could not be sent (ConnectionRefusedError)."
    )
    assert (explain_mail("SMTP 550").code, str(explain_mail("SMTP 550"))) == (
        "smtp-550",
        "SMTP 550",
    )
