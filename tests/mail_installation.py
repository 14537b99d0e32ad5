"""An installation with two mails to send by one server, on a clock that is moved by hand."""

import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.notifiers.chat import ChatNotifier
from alumniq_pipelines.adapters.notifiers.mail import MailNotifier
from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notice,
    Notification,
)
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT, Staff, mail_recipients
from alumniq_pipelines.services.delivery import Notifier, deliver_due
from alumniq_pipelines.services.monitor import run_monitoring
from alumniq_pipelines.settings import REPOSITORY
from tests.servers.receiver import Receiver
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(REPOSITORY / "schemas")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


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
        """End a load of which both addresses are to be notified."""
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

    def incident_texts(self) -> list[str]:
        """Return what the open incidents say happened."""
        return [incident.condition.detail for incident in self.ledger.incidents.list_open()]

    def in_chat(self) -> list[str]:
        """Return the first lines of what staff read in their chat."""
        return [json.loads(post.body)["text"].splitlines()[0] for post in self.chat.received]


@dataclass(frozen=True)
class Certificates:
    """What a server shows, and what a client trusts, by the names of the table."""

    server: Mapping[str, ssl.SSLContext]
    client: Mapping[str, ssl.SSLContext]


def issue_certificates() -> Certificates:
    """Issue a good certificate, and such that no client should trust."""
    authority, past = trustme.CA(), datetime(2020, 1, 1, tzinfo=UTC)
    leaves = {
        "good": authority.issue_cert("127.0.0.1"),
        "expired": authority.issue_cert("127.0.0.1", not_before=past, not_after=past + DAY),
        "of another host": authority.issue_cert("mail.example.org"),
    }
    server = {}
    for name, leaf in leaves.items():
        server[name] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        leaf.configure_cert(server[name])
    server["self-signed"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    itself = trustme.CA()
    with itself.cert_pem.tempfile() as certificate, itself.private_key_pem.tempfile() as key:
        server["self-signed"].load_cert_chain(certificate, key)
    trusting, other = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trusting)
    trustme.CA().configure_trust(other)
    return Certificates(server, {"good": trusting, "other": other})


def open_installation(
    folder: Path, chat: Receiver, transport: SmtpTransport, *addresses: str
) -> Installation:
    """Make an installation with mails to these addresses."""
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
    ledger.migrate()
    ledger.customers.add(Customer("iqu", "IQ University", "iqu"), START)
    installation = Installation(ledger, FolderBuckets(folder), chat, transport)
    installation.enqueue(*addresses)
    return installation
