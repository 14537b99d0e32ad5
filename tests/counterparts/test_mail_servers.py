"""What becomes of two mails when a real mail server answers so: the next case is a line.

Both go to one server, which is asked again on schedule, on a clock that is moved by hand, until
nothing is due for a week.
"""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.notifiers.chat import ChatNotifier
from alumniq_pipelines.adapters.notifiers.mail import MailNotifier
from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport, Timeouts
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notice,
    Notification,
    NotificationState,
)
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT, Staff, mail_recipients
from alumniq_pipelines.services.delivery import Notifier, deliver_due
from alumniq_pipelines.services.monitor import run_monitoring
from alumniq_pipelines.settings import REPOSITORY
from tests.servers.receiver import Receiver
from tests.servers.smtp import CLOSE, PASSWORD, MailServer, serve_mail
from tests.strict_catalog import read_catalog

START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST, SECOND = "first@example.edu", "second@example.edu"
DELIVERED, GIVEN_UP, PENDING = (
    NotificationState.DELIVERED,
    NotificationState.GIVEN_UP,
    NotificationState.PENDING,
)
CHANNEL, CONTENT, UNANSWERED = FailureCause.CHANNEL, FailureCause.CONTENT, FailureCause.UNANSWERED
MAIL_ATTEMPTS = 9
SECOND_OF_TIME, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
CATALOG = read_catalog(REPOSITORY / "schemas")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server, and what becomes of the mail to FIRST, and of that to SECOND (`second`).

    `copies` is how often the server accepted it, or took it without an answer.
    """

    name: str
    answers: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0
    first: str = FIRST
    state: NotificationState = DELIVERED
    second: NotificationState = DELIVERED
    cause: FailureCause | None = None
    detail: str = "SMTP 250"
    attempts: int = 1
    copies: int = 1


LOGIN = {"username": "feeds", "password": PASSWORD, "tls": "good"}
IS_DOWN: dict[str, Any] = {
    "state": PENDING,
    "second": PENDING,
    "cause": CHANNEL,
    "attempts": 0,
    "copies": 0,
}
REFUSED: dict[str, Any] = {"state": GIVEN_UP, "copies": 0}
UNCONFIRMED: dict[str, Any] = {
    "state": GIVEN_UP,
    "second": GIVEN_UP,
    "cause": UNANSWERED,
    "detail": "The mail server did not confirm the mail: it may have arrived.",
    "attempts": 3,
    "copies": 3,
}

CASES = [
    Case(name="takes it"),
    Case(name="answers QUIT with 421", answers={"QUIT": "421 too busy"}),
    Case(name="closes instead of answering QUIT", answers={"QUIT": CLOSE}),
    Case(name="answers the final dot after 12 s", seconds=12),
    Case(
        name="answers 252 after the final dot",
        answers={"DATA": "252 on its way"},
        detail="SMTP 252",
    ),
    Case(name="closes after the final dot", answers={"DATA": CLOSE}, **UNCONFIRMED),
    Case(
        name="answers the final dot too late",
        seconds=0.5,
        client={"timeouts": Timeouts(content=0.1, command=0.1)},
        **UNCONFIRMED,
    ),
    Case(
        name="turns us away at the greeting",
        answers={"GREETING": "421 too many connections"},
        detail="No connection to the mail server (SMTP 421).",
        **IS_DOWN,
    ),
    Case(
        name="refuses the login",
        answers={"AUTH": "535 5.7.8 wrong password"},
        server={"login": True, "tls": "good"},
        client=LOGIN,
        detail="No login at the mail server (SMTP 535).",
        **IS_DOWN,
    ),
    Case(
        name="wants another kind of login",
        answers={"AUTH": "534 5.7.9 application-specific password required"},
        server={"login": True, "tls": "good"},
        client=LOGIN,
        detail="No login at the mail server (SMTP 534).",
        **IS_DOWN,
    ),
    Case(
        name="offers no login",
        client={"username": "feeds", "password": PASSWORD},
        detail="No login at the mail server (not offered).",
        **IS_DOWN,
    ),
    Case(
        name="demands a login",
        server={"login": True, "tls": "good"},
        client={"tls": "good"},
        detail="No login at the mail server (SMTP 530).",
        **IS_DOWN,
    ),
    Case(
        name="demands a login for each recipient",
        answers={"RCPT": "530 5.7.57 client was not authenticated"},
        detail="No login at the mail server (SMTP 530).",
        **IS_DOWN,
    ),
    Case(
        name="refuses our sender address",
        answers={"MAIL": "550 5.7.60 cannot send as this sender"},
        detail="The mail server did not accept our sender address (SMTP 550).",
        **IS_DOWN,
    ),
    Case(
        name="has no room for any mail",
        answers={"MAIL": "452 4.3.1 insufficient storage"},
        detail="The mail server did not accept our sender address (SMTP 452).",
        **IS_DOWN,
    ),
    Case(
        name="denies to relay, as Postfix",
        answers={"RCPT": "554 5.7.1 relay access denied"},
        detail="The mail server takes no mail for others from us (SMTP 554).",
        **IS_DOWN,
    ),
    Case(
        name="denies to relay, as Exchange",
        answers={"RCPT": "550 5.7.1 unable to relay"},
        detail="The mail server takes no mail for others from us (SMTP 550).",
        **IS_DOWN,
    ),
    Case(
        name="denies to relay, as Exim",
        answers={"RCPT": "550 relay not permitted"},
        detail="The mail server takes no mail for others from us (SMTP 550).",
        **IS_DOWN,
    ),
    Case(
        name="denies to relay for now",
        answers={"RCPT": "454 4.7.1 relay access denied"},
        detail="The mail server takes no mail for others from us (SMTP 454).",
        **IS_DOWN,
    ),
    Case(
        name="has a rule about one recipient",
        refused={FIRST: "550 5.7.1 takes mail from members only"},
        detail="SMTP 550",
        **REFUSED,
    ),
    Case(
        name="does not know one recipient",
        refused={FIRST: "550 5.1.1 no such mailbox"},
        detail="SMTP 550",
        **REFUSED,
    ),
    Case(
        name="finds one mailbox full for a day",
        refused={FIRST: "452 4.2.2 mailbox full"},
        detail="SMTP 452",
        **REFUSED | {"attempts": MAIL_ATTEMPTS},
    ),
    Case(
        name="refuses the content",
        answers={"DATA": "554 5.7.1 looks like spam"},
        detail="The mail server refused the content of the mail (SMTP 554).",
        cause=CONTENT,
        **REFUSED | {"second": GIVEN_UP, "copies": 1},
    ),
    Case(
        name="has no time for the content for a day",
        answers={"DATA": "451 4.3.0 try again"},
        detail="SMTP 451",
        **REFUSED | {"second": GIVEN_UP, "attempts": MAIL_ATTEMPTS, "copies": MAIL_ATTEMPTS},
    ),
    Case(
        name="takes small mails only",
        server={"data_size_limit": 1_000},
        detail="The mail is too large for the mail server (SMTP 552).",
        cause=CONTENT,
        **REFUSED | {"second": GIVEN_UP},
    ),
    Case(
        name="lacks SMTPUTF8 for an address that needs it",
        server={"enable_SMTPUTF8": False},
        first="é@example.edu",
        detail="The mail server takes no address with other than ASCII characters.",
        **REFUSED,
    ),
    Case(name="has SMTPUTF8 for an address that needs it", first="é@example.edu"),
    Case(
        name="has no STARTTLS",
        client={"security": "starttls"},
        detail="No encrypted connection to the mail server (not offered).",
        **IS_DOWN,
    ),
    Case(name="has a certificate that is trusted", server={"tls": "good"}, client={"tls": "good"}),
    Case(
        name="has a certificate that has expired",
        server={"tls": "expired"},
        client={"tls": "expired"},
        detail="No encrypted connection to the mail server (certificate has expired).",
        **IS_DOWN,
    ),
    Case(
        name="has a certificate of an authority that is not trusted",
        server={"tls": "good"},
        client={"tls": "other"},
        detail="No encrypted connection to the mail server "
        "(unable to get local issuer certificate).",
        **IS_DOWN,
    ),
    Case(
        name="is away",
        client={"host": "127.0.0.2"},
        detail="No connection to the mail server (connection refused).",
        **IS_DOWN,
    ),
    Case(
        name="has a name that does not exist",
        client={"host": "mail.invalid"},
        detail="No connection to the mail server (its name has no address).",
        **IS_DOWN,
    ),
]


@dataclass
class Installation:
    """A ledger with one load, whose two mails are sent by one server; staff have a chat, too."""

    ledger: Ledger
    buckets: FolderBuckets
    chat: Receiver
    transport: SmtpTransport
    now: datetime = START
    job_id: JobId = field(default_factory=new_job_id)

    def enqueue(self, *addresses: str) -> None:
        """End a load that both addresses are to be told of."""
        target = Target("iqu", Environment.QA, "warehouse")
        load = self.ledger.loads.accept(
            LoadRequest(self.job_id, target, "warehouse.csv", "e1", 1), self.now
        )
        notices = [
            Notice(Channel.MAIL, address, "It was loaded.\n", "Loaded", audience=Audience.CUSTOMER)
            for address in addresses
        ]
        self.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), notices, self.now)

    def deliver(self) -> None:
        """Send what is due."""
        notifiers: dict[Channel, Notifier] = {
            Channel.MAIL: MailNotifier(self.transport, "Feeds <feeds@example.org>"),
            Channel.CHAT: ChatNotifier(self.chat.url),
        }
        deliver_due(self.ledger.notifications, notifiers, lambda: self.now)

    def monitor(self) -> None:
        """Look for incidents, as every minute."""
        staff = Staff((*mail_recipients(["ops@example.org"]), STAFF_CHAT))
        run_monitoring(self.ledger, self.buckets, CATALOG, staff, self.now)

    def mails(self) -> Sequence[Notification]:
        """Return the two mails, the first one first."""
        return self.ledger.notifications.of(self.job_id)

    def incidents(self) -> list[Kind]:
        """Return the kinds of the open incidents."""
        return [incident.condition.kind for incident in self.ledger.incidents.list_open()]

    def in_chat(self) -> list[str]:
        """Return the first lines of what staff read in their chat."""
        return [json.loads(post.body)["text"].splitlines()[0] for post in self.chat.received]


@dataclass(frozen=True)
class Certificates:
    """What a server shows, and what a client trusts, by the names of the table."""

    server: Mapping[str, ssl.SSLContext]
    client: Mapping[str, ssl.SSLContext]


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """Issue one good and one expired certificate."""
    authority, past = trustme.CA(), datetime(2020, 1, 1, tzinfo=UTC)
    leaves = {
        "good": authority.issue_cert("127.0.0.1"),
        "expired": authority.issue_cert("127.0.0.1", not_before=past, not_after=past + DAY),
    }
    server = {}
    for name, leaf in leaves.items():
        server[name] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        leaf.configure_cert(server[name])
    trusting, other = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trusting)
    trustme.CA().configure_trust(other)
    return Certificates(server, {"good": trusting, "expired": trusting, "other": other})


Prepare = Callable[[Case], tuple[Installation, MailServer]]


@pytest.fixture
def prepare(tmp_path: Path, receiver: Receiver, certificates: Certificates) -> Iterator[Prepare]:
    """Set up the server of a case, and two mails that are due."""
    (tmp_path / "buckets").mkdir()
    with ExitStack() as stack:

        def set_up(case: Case) -> tuple[Installation, MailServer]:
            options = {"login": False, **case.server}
            context = certificates.server.get(options.pop("tls", ""))
            server = stack.enter_context(serve_mail(context, **options))
            server.answers, server.refused = dict(case.answers), dict(case.refused)
            server.before_answer = lambda _: time.sleep(case.seconds)
            client: dict[str, Any] = {"host": "127.0.0.1", "security": "none", **case.client}
            if trusted := client.pop("tls", None):
                client |= {"security": "starttls", "tls": certificates.client[trusted]}
            transport = SmtpTransport(port=server.port, **client)
            ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
            stack.callback(ledger.close)
            ledger.migrate()
            ledger.customers.add(Customer("iqu", "IQ University", "iqu"), START)
            buckets = FolderBuckets(tmp_path / "buckets")
            installation = Installation(ledger, buckets, receiver, transport)
            installation.enqueue(case.first, SECOND)
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
    installation, server = prepare(Case(name="takes it", client={"ehlo_name": name}))
    installation.deliver()
    [used] = set(server.names)
    assert used
    assert used == name if name else "." in used
