from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alumniq_pipelines.adapters.notifiers.mail import build_message
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notice,
    Notification,
)
from alumniq_pipelines.core.notifications.text import parse_paragraphs
from tests.pending_notifications import pending

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SENDER = "Feeds of Ágnes <feeds@example.org>"
TEXT = """\
warehouse.csv was not loaded.

What went wrong:
- <b>lastname</b> is required (3 rows, first on line 18)
- café

What to do: Fix it.

Rows read: 10
Rows rejected: 3
"""


def mail(address: str = "you@example.edu", body: str = TEXT, subject: str = "S") -> Notification:
    notice = Notice(Channel.MAIL, address, body, subject, audience=Audience.CUSTOMER)
    return pending(notice, NOW)


def as_read(message: EmailMessage) -> EmailMessage:
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def test_a_mail_reads_back_with_its_headers_and_text() -> None:
    message = as_read(build_message(mail(), SENDER))
    assert message["To"] == "you@example.edu"
    assert message["From"] == SENDER
    assert message["Subject"] == "S"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<n1@example.org>"
    assert message["Date"].datetime.tzinfo is not None
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == TEXT


def test_the_html_part_says_the_same_escaped() -> None:
    html = as_read(build_message(mail(), SENDER)).get_body(("html",))
    assert html is not None
    content = html.get_content()
    assert "&lt;b&gt;lastname&lt;/b&gt; is required" in content
    assert "<li" in content
    assert ">Rows read</th>" in content
    assert "What to do" in content
    assert "<b>" not in content


def test_a_mail_is_seven_bits_wide_and_short_of_line() -> None:
    wire = build_message(mail(body="é" * 5_000 + "\n"), SENDER).as_bytes()
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) < 998


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_an_address_cannot_add_a_header(end: str) -> None:
    with pytest.raises(ValueError, match=r"linefeed or carriage return"):
        build_message(mail(address=f"you@example.edu{end}Bcc: all@example.edu"), SENDER)


def test_paragraphs_are_separated() -> None:
    prose, errors, remedy, counts = parse_paragraphs(TEXT)
    assert prose.prose == "warehouse.csv was not loaded."
    assert errors.heading == "What went wrong:"
    assert errors.items[1] == "café"
    assert remedy.facts == (("What to do", "Fix it."),)
    assert counts.facts == (("Rows read", "10"), ("Rows rejected", "3"))


@given(st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Z"]), min_size=1))
@example(" ")
@example("one\n\n\n\ntwo\n")
def test_any_text_becomes_a_mail(body: str) -> None:
    message = as_read(build_message(mail(body=body), SENDER))
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
