"""The table of mail servers: how each answers, and what becomes of two mails to it.

The next case is a line. `test_mail_servers.py` tries them.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from alumniq_pipelines.adapters.notifiers.smtp import NOBODY, Timeouts
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import NotificationState
from tests.servers.smtp import CLOSE, PASSWORD

FIRST, SECOND = "first@example.edu", "second@example.edu"
PENDING, DELIVERED, GIVEN_UP = NotificationState
CHANNEL, CONTENT, UNANSWERED = FailureCause.CHANNEL, FailureCause.CONTENT, FailureCause.UNANSWERED
MAIL_ATTEMPTS = 9


@dataclass(frozen=True)
class Case:
    """A server, and what becomes of the mail to FIRST, and of that to SECOND (`second`).

    `copies` is how often the server accepted it, or took it without an answer.
    """

    name: str
    detail: str = "SMTP 250"
    answers: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0
    first: str = FIRST
    state: NotificationState = DELIVERED
    second: NotificationState = DELIVERED
    cause: FailureCause | None = None
    attempts: int = 1
    copies: int = 1


TLS = {"tls": "good"}
TRUSTS_GOOD = {"security": "starttls", "tls": "good"}
LOGIN_DEMANDED = {"login": True, "tls": "good"}
LOGIN = {"username": "feeds", "password": PASSWORD, **TRUSTS_GOOD}
REFUSED: dict[str, Any] = {"state": GIVEN_UP, "copies": 0}
UNCONFIRMED: dict[str, Any] = {
    "state": GIVEN_UP,
    "second": GIVEN_UP,
    "cause": UNANSWERED,
    "detail": "The mail server did not confirm the mail: it may have arrived.",
    "attempts": 3,
    "copies": 3,
}


refuses_us = partial(Case, state=PENDING, second=PENDING, cause=CHANNEL, attempts=0, copies=0)
"""The case of a server that takes no mail from us at all."""

CASES = [
    Case("takes it"),
    Case("answers QUIT with 421", answers={"QUIT": "421 too busy"}),
    Case("closes instead of answering QUIT", answers={"QUIT": CLOSE}),
    Case("answers the final dot after 12 s", seconds=12),
    Case(
        "answers 252 after the final dot",
        answers={"DATA": "252 on its way"},
        detail="SMTP 252",
    ),
    Case("closes after the final dot", answers={"DATA": CLOSE}, **UNCONFIRMED),
    Case(
        "answers the final dot too late",
        seconds=0.5,
        client={"timeouts": Timeouts(content=0.1, command=0.1)},
        **UNCONFIRMED,
    ),
    refuses_us(
        "turns us away at the greeting",
        "No connection to the mail server (SMTP 421).",
        answers={"GREETING": "421 too many connections"},
    ),
    refuses_us(
        "refuses the login",
        "No login at the mail server (SMTP 535).",
        answers={"AUTH": "535 5.7.8 wrong password"},
        server=LOGIN_DEMANDED,
        client=LOGIN,
    ),
    refuses_us(
        "wants another kind of login",
        "No login at the mail server (SMTP 534).",
        answers={"AUTH": "534 5.7.9 application-specific password required"},
        server=LOGIN_DEMANDED,
        client=LOGIN,
    ),
    refuses_us(
        "offers no login",
        "No login at the mail server (not offered).",
        client={"username": "feeds", "password": PASSWORD},
    ),
    refuses_us(
        "demands a login",
        "No login at the mail server (SMTP 530).",
        server=LOGIN_DEMANDED,
        client=TRUSTS_GOOD,
    ),
    refuses_us(
        "demands a login for each recipient",
        "No login at the mail server (SMTP 530).",
        answers={"RCPT": "530 5.7.57 client was not authenticated"},
    ),
    refuses_us(
        "refuses our sender address",
        "The mail server did not accept our sender address (SMTP 550).",
        answers={"MAIL": "550 5.7.60 cannot send as this sender"},
    ),
    refuses_us(
        "has no room for any mail",
        "The mail server did not accept our sender address (SMTP 452).",
        answers={"MAIL": "452 4.3.1 insufficient storage"},
    ),
    refuses_us(
        "denies to relay, as Postfix",
        "The mail server accepts no recipient from us (SMTP 554).",
        answers={"RCPT": "554 5.7.1 relay access denied"},
    ),
    refuses_us(
        "denies to relay, as Exchange",
        "The mail server accepts no recipient from us (SMTP 550).",
        answers={"RCPT": "550 5.7.1 unable to relay"},
    ),
    refuses_us(
        "denies to relay, as Exim",
        "The mail server accepts no recipient from us (SMTP 550).",
        answers={"RCPT": "550 relay not permitted"},
    ),
    refuses_us(
        "denies to relay for now",
        "The mail server accepts no recipient from us (SMTP 454).",
        answers={"RCPT": "454 4.7.1 relay access denied"},
    ),
    refuses_us(
        "wants another name in our EHLO, as Postfix",
        "The mail server accepts no recipient from us (SMTP 504).",
        answers={"RCPT": "504 5.5.2 <feeds>: Helo command rejected: need fully-qualified hostname"},
    ),
    refuses_us(
        "cannot find our host name, as Postfix",
        "The mail server accepts no recipient from us (SMTP 450).",
        answers={"RCPT": "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]"},
    ),
    refuses_us(
        "does not know our sender's domain, as Postfix",
        "The mail server accepts no recipient from us (SMTP 550).",
        answers={
            "RCPT": "550 5.1.8 <feeds@example.org>: Sender address rejected: Domain not found"
        },
    ),
    refuses_us(
        "cannot verify our sender, as Exim",
        "The mail server accepts no recipient from us (SMTP 550).",
        answers={"RCPT": "550 Sender verify failed"},
    ),
    refuses_us(
        "demands a login for the content",
        "No login at the mail server (SMTP 530).",
        answers={"DATA": "530 5.7.0 authentication required"},
        copies=3,
    ),
    Case(
        "keeps a greylist for a day",
        answers={"RCPT": "451 4.7.1 Sender address rejected: greylisted, come back later"},
        detail="SMTP 451",
        **REFUSED | {"second": GIVEN_UP, "attempts": MAIL_ATTEMPTS},
    ),
    Case(
        "has a rule about one recipient, and relays to nobody else",
        refused={
            FIRST: "554 5.7.1 <first@example.edu>: Recipient address rejected: Access denied",
            NOBODY: "554 5.7.1 <nobody@example.com>: Relay access denied",
        },
        detail="SMTP 554",
        **REFUSED,
    ),
    Case(
        "has a rule about one recipient",
        refused={FIRST: "550 5.7.1 takes mail from members only"},
        detail="SMTP 550",
        **REFUSED,
    ),
    Case(
        "does not know one recipient",
        refused={FIRST: "550 5.1.1 no such mailbox"},
        detail="SMTP 550",
        **REFUSED,
    ),
    Case(
        "finds one mailbox full for a day",
        refused={FIRST: "452 4.2.2 mailbox full"},
        detail="SMTP 452",
        **REFUSED | {"attempts": MAIL_ATTEMPTS},
    ),
    Case(
        "refuses the content",
        answers={"DATA": "554 5.7.1 looks like spam"},
        detail="The mail server refused the content of the mail (SMTP 554).",
        cause=CONTENT,
        **REFUSED | {"second": GIVEN_UP, "copies": 1},
    ),
    Case(
        "has no time for the content for a day",
        answers={"DATA": "451 4.3.0 try again"},
        detail="SMTP 451",
        **REFUSED | {"second": GIVEN_UP, "attempts": MAIL_ATTEMPTS, "copies": MAIL_ATTEMPTS},
    ),
    Case(
        "takes small mails only",
        server={"data_size_limit": 1_000},
        detail="The mail is too large for the mail server (SMTP 552).",
        cause=CONTENT,
        **REFUSED | {"second": GIVEN_UP},
    ),
    Case(
        "lacks SMTPUTF8 for an address that needs it",
        server={"enable_SMTPUTF8": False},
        first="é@example.edu",
        detail="The mail server takes no address with other than ASCII characters.",
        **REFUSED,
    ),
    Case("has SMTPUTF8 for an address that needs it", first="é@example.edu"),
    refuses_us(
        "has no STARTTLS",
        "No encrypted connection to the mail server (not offered).",
        client={"security": "starttls"},
    ),
    Case("has a certificate that is trusted", server=TLS, client=TRUSTS_GOOD),
    Case(
        "speaks TLS at once",
        server={"tls at once": "good"},
        client={"security": "tls", "tls": "good"},
    ),
    refuses_us(
        "has a certificate that has expired",
        "No encrypted connection to the mail server (certificate has expired).",
        server={"tls": "expired"},
        client=TRUSTS_GOOD,
    ),
    refuses_us(
        "has a self-signed certificate",
        "No encrypted connection to the mail server (self-signed certificate).",
        server={"tls": "self-signed"},
        client=TRUSTS_GOOD,
    ),
    refuses_us(
        "has a certificate of another host",
        "No encrypted connection to the mail server (IP address mismatch, certificate is not "
        "valid for '127.0.0.1').",
        server={"tls": "of another host"},
        client=TRUSTS_GOOD,
    ),
    refuses_us(
        "has a certificate of an authority that is not trusted",
        "No encrypted connection to the mail server (unable to get local issuer certificate).",
        server=TLS,
        client={"security": "starttls", "tls": "other"},
    ),
    refuses_us(
        "is away",
        "No connection to the mail server (connection refused).",
        client={"host": "127.0.0.2"},
    ),
    refuses_us(
        "is beyond any route",
        "No connection to the mail server (the network does not reach it).",
        client={"host": "255.255.255.255"},
    ),
    refuses_us(
        "has a name that does not exist",
        "No connection to the mail server (its name has no address).",
        client={"host": "mail.invalid"},
    ),
]
