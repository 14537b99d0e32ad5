"""What becomes of two mails when a real mail server answers as in `mail_server_cases.py`.

Both go to one server, which is asked again on schedule until nothing is due any more.
"""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport, own_name
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import (
    Channel,
    format_result,
)
from tests.counterparts.mail_server_cases import (
    CASES,
    CHANNEL,
    DELIVERED,
    GIVEN_UP,
    MAIL_ATTEMPTS,
    PENDING,
    SECOND,
    Case,
)
from tests.mail_installation import (
    Certificates,
    Installation,
    issue_certificates,
    open_installation,
)
from tests.servers.receiver import Receiver
from tests.servers.smtp import MailServer, serve_mail

SECOND_OF_TIME, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

Prepare = Callable[[Case], tuple[Installation, MailServer]]


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return issue_certificates()


@pytest.fixture
def prepare(tmp_path: Path, receiver: Receiver, certificates: Certificates) -> Iterator[Prepare]:
    """Set up the server of a case, and two mails that are due."""
    with ExitStack() as stack:

        def set_up(case: Case) -> tuple[Installation, MailServer]:
            options = {"login": False, **case.server}
            if at_once := options.pop("tls at once", None):
                options["ssl_context"] = certificates.server[at_once]
            context = certificates.server.get(options.pop("tls", ""))
            server = stack.enter_context(serve_mail(context, **options))
            server.answers, server.refused = dict(case.answers), dict(case.refused)
            server.before_answer = lambda _: time.sleep(case.seconds)
            client: dict[str, Any] = {"host": "127.0.0.1", "security": "none", **case.client}
            if trusted := client.pop("tls", None):
                client["tls"] = certificates.client[trusted]
            transport = SmtpTransport(port=server.port, **client)
            installation = open_installation(tmp_path, receiver, transport, case.first, SECOND)
            stack.callback(installation.ledger.close)
            return installation, server

        yield set_up


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mail_is_repeated_only_as_long_as_it_may_not_have_arrived(
    case: Case, prepare: Prepare
) -> None:
    installation, server = prepare(case)
    for _ in range(3 if case.cause is CHANNEL else 2 * MAIL_ATTEMPTS):
        installation.deliver()
        due = [mail.next_attempt_at for mail in installation.mails() if mail.state is PENDING]
        if not due:
            break
        installation.now = min(due) + SECOND_OF_TIME
    installation.monitor()

    first, second = installation.mails()
    _, last = installation.ledger.notifications.attempts(first.id)[-1]
    assert (first.state, second.state) == (case.state, case.second)
    assert (last.detail, last.cause, first.attempts) == (case.detail, case.cause, case.attempts)
    assert sum(message["To"] == case.first for message in server.received) == case.copies
    expected = [Kind.MAIL_UNAVAILABLE] if case.cause is CHANNEL else []
    expected += [Kind.UNDELIVERED] * (case.state, case.second).count(GIVEN_UP)
    assert installation.incidents() == expected
    if case.state is GIVEN_UP:
        reason = format_result(Channel.MAIL, last).rstrip(".")
        assert any(f"Its last attempt: {reason}." in text for text in installation.incident_texts())


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.cause is CHANNEL], ids=lambda case: case.name
)
def test_a_server_that_refuses_us_is_one_incident_in_the_chat_and_nobodys_fault(
    case: Case, prepare: Prepare, mail_server: MailServer
) -> None:
    installation, _ = prepare(case)
    for minutes in (1, 4, 1, 1):
        installation.deliver()
        installation.monitor()
        installation.now += minutes * MINUTE
    assert installation.incidents() == [Kind.MAIL_UNAVAILABLE]
    assert installation.in_chat() == ["*No mail can be sent*"]

    installation.transport = replace(
        installation.transport,
        host="127.0.0.1",
        port=mail_server.port,
        security="none",
        username=None,
    )
    for _ in range(2):
        installation.deliver()
        installation.monitor()
        installation.now += MINUTE
    assert [mail.state for mail in installation.mails()] == [DELIVERED, DELIVERED]
    assert [mail.attempts for mail in installation.mails()] == [1, 1]
    assert installation.incidents() == []
    assert installation.in_chat()[1:] == ["*Resolved: No mail can be sent*"]


@pytest.mark.parametrize("name", ["feeds.example.org", ""])
def test_we_introduce_ourselves_by_the_name_of_the_settings_or_that_of_the_machine(
    name: str, prepare: Prepare
) -> None:
    installation, server = prepare(Case("takes it", client={"ehlo_name": name}))
    installation.deliver()
    [used] = set(server.names)
    assert used
    assert used == name if name else "." in used


def test_a_machine_whose_name_is_none_of_the_mail_system_is_introduced_by_its_address(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, server = prepare(Case("takes it"))
    for name in ("feeds_1.internal", "-feeds.internal", "größe.internal", "feeds"):
        monkeypatch.setattr(socket, "getfqdn", lambda name=name: name)
        own_name.cache_clear()
        assert re.fullmatch(r"\[[\d.]+\]", own_name())
    installation.deliver()
    assert set(server.names) == {own_name()}
    own_name.cache_clear()
