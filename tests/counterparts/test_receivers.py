"""Receivers as they are: what each fault of one is called, and where it is shown.

A case is a receiver, the code of its fault and words of the sentence. The next fault is a line.
"""

import asyncio
import html
import json
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.testclient import TestClient
from typer.testing import CliRunner

from alumniq_pipelines.adapters.notifiers.callback import CallbackNotifier
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    Notification,
    NotificationState,
    delivery_problem,
    format_result,
)
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.core.problems.delivery import explain_call
from alumniq_pipelines.services.monitor import run_monitoring
from tests.page_visits import sign_in
from tests.servers import broken_receiver as broken
from tests.servers import receiver as behaviour
from tests.servers.gateway import NOW, Caller, Installation, call
from tests.servers.receiver import Receiver

HOST = "receiver.example.edu"
PERMITTED = AddressPolicy.of(["127.0.0.0/8", "224.0.0.0/4"])
TODAY = datetime.now(UTC)
DAY = timedelta(days=1)
SECRET = "s3cret"
"""Stands wherever a receiver can put a text of its own, and must be shown nowhere."""
NO_ROUTE = "224.0.0.1"
"""No connection leads to a multicast address: Linux calls its network unreachable."""


@dataclass(frozen=True)
class Lab:
    """The authorities of one run of the tests: only the first one is trusted by us."""

    trusted: trustme.CA
    other: trustme.CA

    def client(self) -> ssl.SSLContext:
        """Return our side's settings."""
        context = ssl.create_default_context()
        self.trusted.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(trusted=trustme.CA(), other=trustme.CA())


Served = AbstractContextManager[int]
"""A port for as long as the receiver runs."""


@dataclass(frozen=True)
class Case:
    """A receiver, how its URL begins, and to what its name leads: addresses, or an error."""

    code: str
    words: str
    serve: Callable[[Lab], Served]
    scheme: str = "https"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    lookup_error: int | None = None


def server_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def issued(
    issuer: Callable[[Lab], trustme.CA],
    *names: str,
    begins: datetime = TODAY - DAY,
    ends: datetime = TODAY + DAY,
    chain: int | None = None,
    root: bool = False,
    set_up: Callable[[ssl.SSLContext], None] = lambda _: None,
) -> Callable[[Lab], Served]:
    """Serve a certificate; `chain` is how many of its certificates are sent, `root` one more."""

    def serve(lab: Lab) -> Served:
        leaf = issuer(lab).issue_cert(
            *(names or (HOST,)), organization_name=SECRET, not_before=begins, not_after=ends
        )
        context = server_context()
        sent = b"".join(blob.bytes() for blob in leaf.cert_chain_pems[:chain])
        sent += lab.other.cert_pem.bytes() if root else b""
        load(context, leaf.private_key_pem.bytes() + sent)
        set_up(context)
        return broken.listen(broken.speak_tls(context))

    return serve


def load(context: ssl.SSLContext, pem: bytes) -> None:
    with trustme.Blob(pem).tempfile() as path:
        context.load_cert_chain(path)


def self_signed(key_size: int = 2_048) -> Callable[[Lab], Served]:
    def serve(lab: Lab) -> Served:
        del lab
        key = rsa.generate_private_key(public_exponent=65_537, key_size=key_size)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SECRET)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(TODAY - DAY)
            .not_valid_after(TODAY + DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        context = server_context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        load(context, private + certificate.public_bytes(serialization.Encoding.PEM))
        return broken.listen(broken.speak_tls(context))

    return serve


def old_versions(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def old_ciphers(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA256")


def client_certificates(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def set_up(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED

    return set_up


def talking(talk: broken.Talk) -> Callable[[Lab], Served]:
    return lambda _: broken.listen(talk)


def alert(number: int) -> Callable[[Lab], Served]:
    return talking(broken.say(broken.TLS_ALERT + bytes([number])))


def nothing(_: Lab) -> Served:
    return broken.refuse()


def trusted(lab: Lab) -> trustme.CA:
    return lab.trusted


def other(lab: Lab) -> trustme.CA:
    return lab.other


def intermediate(lab: Lab) -> trustme.CA:
    return lab.trusted.create_child_ca()


def without_root(lab: Lab) -> trustme.CA:
    return lab.other.create_child_ca()


PLAIN = b"HTTP/1.1 400 s3cret\r\nContent-Length: 6\r\n\r\ns3cret"

FAULTS = {
    "self-signed": Case("tls-self-signed", "is self-signed", self_signed()),
    "expired": Case("tls-expired", "has expired", issued(trusted, ends=TODAY - DAY / 2)),
    "not yet valid": Case(
        "tls-not-yet-valid", "not valid yet", issued(trusted, begins=TODAY + DAY / 2)
    ),
    "another host's": Case(
        "tls-wrong-host", "not issued for the host", issued(trusted, "s3cret.example.edu")
    ),
    "an address's": Case("tls-wrong-host", "not issued for the host", issued(trusted, "10.1.2.3")),
    "an intermediate certificate is missing": Case(
        "tls-incomplete-chain", "full chain", issued(intermediate, chain=1)
    ),
    "a private authority": Case(
        "tls-incomplete-chain", "authority is not a public one", issued(other)
    ),
    "a private authority that is sent along": Case(
        "tls-unknown-authority", "that we do not trust", issued(other, root=True)
    ),
    "a private authority's intermediate": Case(
        "tls-incomplete-chain", "authority is not a public one", issued(without_root)
    ),
    "TLS 1.1": Case(
        "tls-old-version", "Enable TLS 1.2 or 1.3", issued(trusted, set_up=old_versions)
    ),
    "old ciphers": Case(
        "tls-no-shared-cipher", "cipher suite", issued(trusted, set_up=old_ciphers)
    ),
    "client certificates, TLS 1.2": Case(
        "tls-no-shared-cipher",
        "demand no client certificate",
        issued(trusted, set_up=client_certificates(ssl.TLSVersion.TLSv1_2)),
    ),
    "client certificates, TLS 1.3": Case(
        "tls-client-certificate",
        "demands a TLS client certificate",
        issued(trusted, set_up=client_certificates(ssl.TLSVersion.TLSv1_3)),
    ),
    "TLS does not know the name": Case(
        "tls-unknown-name", "does not know the host name", alert(112)
    ),
    "TLS with an internal error": Case("tls-failed", "TLS handshake", alert(80)),
    "plain HTTP where TLS was expected": Case(
        "tls-not-spoken", "does not speak TLS", talking(broken.say(PLAIN))
    ),
    "hangs up in the handshake": Case(
        "tls-closed", "closed during the TLS handshake", talking(broken.say(b""))
    ),
    "resets in the handshake": Case("connection-reset", "was reset", talking(broken.reset)),
    "hangs in the handshake": Case(
        "tls-timeout", "did not complete the TLS handshake", talking(broken.hang)
    ),
    "nothing listens": Case("connection-refused", "was refused", nothing),
    "accepts nobody": Case(
        "connect-timeout", "No connection could be made in time", lambda _: broken.never_accept()
    ),
    "no route": Case("unreachable", "no route", nothing, addresses=(NO_ROUTE,)),
    "no route to the other address": Case(
        "connection-refused", "was refused", nothing, addresses=(NO_ROUTE, "127.0.0.1")
    ),
    "no route to its last address": Case(
        "connection-refused", "was refused", nothing, addresses=("127.0.0.1", NO_ROUTE)
    ),
    "resets": Case("connection-reset", "was reset", talking(broken.reset), "http"),
    "hangs up": Case(
        "connection-closed", "without a complete answer", talking(broken.say(b"")), "http"
    ),
    "never answers": Case("no-answer", "within 1 seconds", talking(broken.hang), "http"),
    "hangs up in its answer": Case(
        "connection-closed",
        "without a complete answer",
        talking(broken.say(b"HTTP/1.1 200 s3cret\r\nX-S3cret: ")),
        "http",
    ),
    "no HTTP": Case(
        "not-http", "not valid HTTP", talking(broken.say(b"220 s3cret\r\n\r\n")), "http"
    ),
    "a TLS alert where HTTP was expected": Case("not-http", "needs https://", alert(10), "http"),
    "TLS where HTTP was expected": Case(
        "connection-closed", "needs https://", issued(trusted), "http"
    ),
    "an endless header": Case(
        "answer-too-large",
        "is too large",
        talking(broken.say(b"HTTP/1.1 200 OK\r\nX: " + b"s3cret" * 50_000)),
        "http",
    ),
    "no such name": Case("no-such-name", "does not exist", nothing, lookup_error=socket.EAI_NONAME),
    "a name without addresses": Case(
        "no-such-name", "has no address", nothing, lookup_error=socket.EAI_NODATA
    ),
    "a name server that answers later": Case(
        "lookup-unavailable", "at the moment", nothing, lookup_error=socket.EAI_AGAIN
    ),
    "a name server that fails": Case(
        "lookup-failed", "could not be looked up", nothing, lookup_error=socket.EAI_FAIL
    ),
    "an inward address": Case(
        "address-not-allowed", "not public", nothing, addresses=("10.0.0.1",)
    ),
}


def send(url: str, tls: ssl.SSLContext | None = None) -> DeliveryResult:
    due = Notification(
        id="n1",
        job_id=JobId("J"),
        notice=Notice(Channel.CALLBACK, url, "{}", audience=Audience.CUSTOMER),
        state=NotificationState.PENDING,
        attempts=0,
        created_at=NOW,
        next_attempt_at=NOW,
    )
    notifier = CallbackNotifier(PERMITTED, 1.0, tls or ssl.create_default_context())
    return asyncio.run(notifier.deliver(due))


@contextmanager
def names_lead_to(case: Case) -> Iterator[None]:
    """Put a resolver in place that answers as the case says."""

    def look_up(host: object, port: int, *_: object, **__: object) -> list[Any]:
        del host
        if case.lookup_error is not None:
            raise socket.gaierror(case.lookup_error, SECRET)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in case.addresses
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_receiver_has_its_code_and_says_what_to_do(lab: Lab, case: Case) -> None:
    with case.serve(lab) as port, names_lead_to(case):
        result = send(f"{case.scheme}://{HOST}:{port}/", lab.client())
    problem = delivery_problem(Channel.CALLBACK, result)
    assert problem
    assert problem.code == case.code
    assert case.words in str(problem)
    assert problem.advice
    assert SECRET not in str(result) + str(problem)
    assert not result.permanent


def test_a_name_that_nobody_has_is_said_to_be_unknown_or_not_looked_up() -> None:
    """Without a name server, as in a closed network, none can say that the name is unknown."""
    problem = delivery_problem(Channel.CALLBACK, send("https://nowhere.invalid/"))
    assert problem
    assert problem.code in {"no-such-name", "lookup-unavailable"}


STATUSES = {
    301: "Use the URL that it redirects to",
    302: "redirects are not followed",
    303: "redirects are not followed",
    304: "does not confirm the delivery",
    307: "redirects are not followed",
    308: "redirects are not followed",
    400: "rejected the request as invalid",
    401: "demands a sign-in",
    403: "forbids our requests",
    404: "has nothing at this URL",
    405: "does not accept POST",
    409: "refused the request",
    410: "permanently gone",
    413: "limit for the size of requests",
    415: "application/json",
    418: "refused the request",
    422: "rejected the request as invalid",
    429: "Raise its rate limit",
    500: "an error of its own",
    502: "is not available",
    503: "is not available",
    504: "is not available",
    520: "an error of its own",
    700: "does not confirm the delivery",
}


@pytest.mark.parametrize(("status", "words"), STATUSES.items())
def test_a_status_is_named_with_what_to_do_and_without_the_receivers_words(
    receiver: Receiver, status: int, words: str
) -> None:
    answer = (
        f"HTTP/1.1 {status} s3cret\r\nLocation: https://s3cret.example.edu/\r\nX-S3cret: s3cret\r\n"
        "Content-Length: 6\r\n\r\ns3cret"
    )
    receiver.answers.append(behaviour.raw(answer.encode()))
    result = send(receiver.url)
    problem = delivery_problem(Channel.CALLBACK, result)
    assert problem
    assert problem.code == f"http-{status}"
    assert words in str(problem)
    assert f"status {status}" in problem.detail
    assert problem.advice
    assert SECRET not in str(result) + str(problem)
    assert result.permanent is (status == 410)


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
    "KeyError": ("our-fault", "a fault on our side (KeyError)."),
    "HTTP 404": ("http-404", "has nothing at this URL"),
}


@pytest.mark.parametrize(("stored", "shown"), STORED_BEFORE.items())
def test_an_attempt_of_an_earlier_release_is_readable(stored: str, shown: tuple[str, str]) -> None:
    problem = explain_call(stored)
    assert (problem.code, shown[1] in str(problem)) == (shown[0], True)


def test_a_sentence_is_true_of_a_heartbeat_too() -> None:
    """It is a GET without a body."""
    for status in (405, 413, 415):
        result = DeliveryResult(delivered=False, detail=f"HTTP {status}")
        sentence = format_result(Channel.HEARTBEAT, result)
        assert "POST" not in sentence
        assert "JSON" not in sentence
        assert "size" not in sentence


@pytest.mark.parametrize("stored", ["tls-expired", "no-answer 15", "HTTP 503", "ConnectError"])
def test_all_who_look_at_a_delivery_read_the_same_sentence_and_programs_its_code(
    client: TestClient,
    installation: Installation,
    catalog: Catalog,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
    stored: str,
) -> None:
    job_id = call(client, caller, notifyWebhook="https://hooks.example.edu/a").json()["jobId"]
    ledger = installation.ledger
    load = ledger.loads.get(JobId(job_id))
    assert load
    outcome = Outcome(LoadState.FAILED, ("The file is empty.",))
    ledger.loads.end(load.job_id, outcome, notices_for(load, outcome), NOW)
    [due] = ledger.notifications.claim(NOW, timedelta(minutes=1))
    result = DeliveryResult(delivered=False, detail=stored, permanent=True)
    ledger.notifications.record(due, result, NOW)
    problem = explain_call(stored)

    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(installation.settings.data_dir))
    for command in (("notification", "show", due.id), ("load", "show", job_id)):
        assert str(problem) in CliRunner().invoke(app, command).stdout
        shown = json.loads(CliRunner().invoke(app, (*command, "--json")).stdout)
        shown = shown if "delivery_attempts" in shown else shown["notifications"][0]
        [attempt] = shown["delivery_attempts"]
        assert (attempt["code"], attempt["detail"]) == (problem.code, str(problem))

    bearer = {"Authorization": f"Bearer {caller.key}"}
    answer = client.get(f"/api/v1/loads/{job_id}", headers=bearer).json()
    [attempt] = answer["notifications"][0]["attempts"]
    assert (attempt["code"], attempt["detail"]) == (problem.code, str(problem))

    sign_in(client, caller.key)
    for page in ("/notifications", f"/loads/{job_id}"):
        assert str(problem) in html.unescape(client.get(page).text)

    staff = Staff(mail_recipients(("ops@example.org",)))
    run_monitoring(ledger, installation.buckets, catalog, staff, NOW)
    [mail] = ledger.notifications.claim(NOW, timedelta(minutes=1))
    assert mail.notice.audience is Audience.STAFF
    assert str(problem) in mail.notice.body
