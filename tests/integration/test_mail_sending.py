"""Mail over real SMTP, and into a folder."""

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from alumniq_pipelines.adapters.notifiers.mail import (
    FolderTransport,
    MailNotifier,
    MailTransport,
)
from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport, Timeouts
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from tests.pending_notifications import pending
from tests.servers.smtp import PASSWORD, MailServer, serve_mail

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def send(transport: MailTransport, address: str = "you@example.edu") -> DeliveryResult:
    notice = Notice(
        Channel.MAIL,
        address,
        "warehouse.csv was loaded: é.\n",
        "Loaded: warehouse",
        audience=Audience.CUSTOMER,
    )
    due = pending(notice, NOW)
    return asyncio.run(MailNotifier(transport, "Feeds <feeds@example.org>").deliver(due))


def plain(server: MailServer) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", server.port, "none")


def test_a_mail_arrives_as_it_was_written(mail_server: MailServer) -> None:
    assert send(plain(mail_server)) == DeliveryResult(delivered=True, detail="SMTP 250")
    [message] = mail_server.received
    assert message["To"] == "you@example.edu"
    assert message["Subject"] == "Loaded: warehouse"
    assert message["Message-ID"] == "<n1@example.org>"
    assert message["List-Id"] == "Outcomes of loads <loads.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "warehouse.csv was loaded: é."


@pytest.mark.parametrize("code", [550, 553])
def test_an_address_refused_for_good_is_given_up(mail_server: MailServer, code: int) -> None:
    mail_server.refused["you@example.edu"] = f"{code} no such thing as the secret"
    result = send(plain(mail_server))
    assert result == DeliveryResult(delivered=False, detail=f"SMTP {code}", permanent=True)


def test_an_address_refused_for_now_is_tried_again(mail_server: MailServer) -> None:
    mail_server.refused["you@example.edu"] = "451 mailbox is busy"
    assert send(plain(mail_server)) == DeliveryResult(delivered=False, detail="SMTP 451")


def test_an_address_that_would_add_a_header_is_given_up(mail_server: MailServer) -> None:
    result = send(plain(mail_server), "you@example.edu\r\nBcc: all@example.edu")
    assert not result.delivered
    assert result.permanent
    assert mail_server.received == []


def test_mail_goes_over_verified_tls_with_a_login() -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serve_mail(serving) as server:
        good = SmtpTransport("127.0.0.1", server.port, "starttls", "feeds", PASSWORD, trusting)
        assert send(good).delivered
        wrong = SmtpTransport("127.0.0.1", server.port, "starttls", "feeds", "wrong", trusting)
        assert send(wrong).detail == "No login at the mail server (SMTP 535)."
        untrusting = SmtpTransport("127.0.0.1", server.port, "starttls", "feeds", PASSWORD)
        assert send(untrusting).cause is FailureCause.CHANNEL
        assert len(server.received) == 1


def test_a_password_never_shows_in_a_representation() -> None:
    assert PASSWORD not in repr(SmtpTransport("mail.example.org", 587, password=PASSWORD))


def test_a_folder_stores_each_mail_once_however_often_it_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "mail"
    for _ in range(2):
        assert send(FolderTransport(folder)) == DeliveryResult(
            delivered=True, detail="saved as a file"
        )
    [saved] = folder.iterdir()
    message = message_from_bytes(saved.read_bytes(), policy=policy.default)
    assert saved.name == "n1.eml"
    assert message["To"] == "you@example.edu"


def test_a_folder_that_cannot_be_written_is_nobodys_fault(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    result = send(FolderTransport(tmp_path / "mail"))
    assert result.detail == "No mail can be saved (FileExistsError)."
    assert result.cause is FailureCause.CHANNEL


EHLO = b"250-x\r\n250 AUTH CRAM-MD5 LOGIN PLAIN\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        [b"220 x\r\n", EHLO, b"334 abc\r\n"],
        [b"220 x\r\n", EHLO, b"334 \xff\xfe\r\n"],
        [b"220 x\r\n", EHLO, b"334\r\n"],
        [b"220 x\r\n", b"250 \xff\xff\r\n", b"\xff\r\n"],
        [b"220 x\r\n", b"nonsense\r\n"],
        [b"\xff\x00" * 5_000],
        [b"220 " + b"x" * 10_000 + b"\r\n"],
        [b""],
    ],
)
def test_whatever_a_mail_server_answers_is_a_result(answers: list[bytes]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                for answer in answers:
                    connection.sendall(answer)
                    connection.recv(65_536)

        thread = threading.Thread(target=talk)
        thread.start()
        port, quick = listener.getsockname()[1], Timeouts(command=1.0)
        transport = SmtpTransport("127.0.0.1", port, "none", "user", "secret", timeouts=quick)
        message = EmailMessage()
        message["From"], message["To"] = "feeds@example.org", "you@example.edu"
        result = asyncio.run(transport.send("n1", message))
        thread.join(30)
    assert not result.delivered
    assert not result.permanent
    assert result.detail
    assert result.cause is FailureCause.CHANNEL
