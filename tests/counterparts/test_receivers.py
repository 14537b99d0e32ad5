"""Receivers as they are: what each fault of one is called, and what to do about it.

A case is a receiver, the code of its fault and words of the sentence. The next fault is a line.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trustme

from alumniq_pipelines.adapters.notifiers.callback import CallbackNotifier
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
    delivery_problem,
    format_result,
)
from tests.pending_notifications import pending
from tests.servers import broken_receiver as broken
from tests.servers import receiver as behaviour
from tests.servers import tls_receiver as tls
from tests.servers.gateway import NOW
from tests.servers.receiver import Receiver

PERMITTED = AddressPolicy.of(["127.0.0.0/8", "::1/128", "224.0.0.0/4"])
NO_ROUTE = "224.0.0.1"
"""No connection leads to a multicast address: Linux calls its network unreachable."""


@pytest.fixture(scope="module")
def authorities() -> tls.Authorities:
    return tls.Authorities(trusted=trustme.CA(), other=trustme.CA())


@dataclass(frozen=True)
class Case:
    """A receiver, how its URL begins, and to what its name leads: addresses, or an error."""

    code: str
    words: str
    serve: tls.Serve
    scheme: str = "https"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    lookup_error: int | None = None


def talking(talk: broken.Talk) -> tls.Serve:
    return lambda _: broken.listen(talk)


def alert(number: int) -> tls.Serve:
    return talking(broken.say(broken.TLS_ALERT + bytes([number])))


def nothing(_: tls.Authorities) -> tls.Served:
    return broken.refuse()


PLAIN = b"HTTP/1.1 400 s3cret\r\nContent-Length: 6\r\n\r\ns3cret"

FAULTS = {
    "self-signed": Case("tls-self-signed", "is self-signed", tls.self_made()),
    "a weak key": Case("tls-weak", "too weak", tls.self_made(1_024, signed_by=tls.trusted)),
    "expired": Case(
        "tls-expired", "has expired", tls.issued(tls.trusted, ends=tls.TODAY - tls.DAY / 2)
    ),
    "not yet valid": Case(
        "tls-not-yet-valid",
        "not valid yet",
        tls.issued(tls.trusted, begins=tls.TODAY + tls.DAY / 2),
    ),
    "another host's": Case(
        "tls-wrong-host", "not issued for the host", tls.issued(tls.trusted, "s3cret.example.edu")
    ),
    "an address's": Case(
        "tls-wrong-host", "not issued for the host", tls.issued(tls.trusted, "10.1.2.3")
    ),
    "an intermediate certificate is missing": Case(
        "tls-incomplete-chain", "full chain", tls.issued(tls.intermediate, chain=1)
    ),
    "a private authority": Case(
        "tls-incomplete-chain", "authority is not a public one", tls.issued(tls.other)
    ),
    "a private authority that is sent along": Case(
        "tls-unknown-authority", "that we do not trust", tls.issued(tls.other, root=True)
    ),
    "a private authority's intermediate": Case(
        "tls-incomplete-chain", "authority is not a public one", tls.issued(tls.without_root)
    ),
    "TLS 1.1": Case(
        "tls-old-version", "Enable TLS 1.2 or 1.3", tls.issued(tls.trusted, set_up=tls.old_versions)
    ),
    "old ciphers": Case(
        "tls-refused", "cipher suite", tls.issued(tls.trusted, set_up=tls.old_ciphers)
    ),
    "small Diffie-Hellman parameters": Case(
        "tls-weak-exchange",
        "2048 bits",
        tls.issued(tls.trusted, key=trustme.KeyType.RSA, set_up=tls.small_parameters),
    ),
    "no certificate for the name": Case("tls-refused", "certificate for the host", alert(40)),
    "client certificates, Go or Java": Case(
        "tls-client-certificate", "demands a TLS client certificate", alert(42)
    ),
    "client certificates, TLS 1.2": Case(
        "tls-refused",
        "demand no client certificate",
        tls.issued(tls.trusted, set_up=tls.client_certificates(ssl.TLSVersion.TLSv1_2)),
    ),
    "client certificates, TLS 1.3": Case(
        "tls-client-certificate",
        "demands a TLS client certificate",
        tls.issued(tls.trusted, set_up=tls.client_certificates(ssl.TLSVersion.TLSv1_3)),
    ),
    "TLS software of before 2010": Case(
        "tls-unsafe-renegotiation", "too old", talking(broken.say(broken.OLD_HELLO))
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
    "no route": Case("unreachable", "cannot be reached", nothing, addresses=(NO_ROUTE,)),
    "no route to the other address": Case(
        "connection-refused", "was refused", nothing, addresses=(NO_ROUTE, "127.0.0.1")
    ),
    "no route to its last address": Case(
        "connection-refused", "was refused", nothing, addresses=("127.0.0.1", NO_ROUTE)
    ),
    "its IPv6 address refuses": Case(
        "tls-self-signed", "is self-signed", tls.self_made(), addresses=("::1", "127.0.0.1")
    ),
    "resets": Case("connection-reset", "was reset", talking(broken.reset), "http"),
    "hangs up": Case(
        "connection-closed", "without a complete answer", talking(broken.say(b"")), "http"
    ),
    "never answers": Case("no-answer", "1 seconds", talking(broken.hang), "http"),
    "never ends its answer": Case(
        "no-answer", "no complete answer", talking(broken.begin(b"HTTP/1.1 200 s3cret\r\n")), "http"
    ),
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
        "connection-closed", "needs https://", tls.issued(tls.trusted), "http"
    ),
    "a coding that nobody asked for": Case(
        "not-http",
        "not valid HTTP",
        talking(broken.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: s3cret\r\n\r\n")),
        "http",
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
    due = pending(Notice(Channel.CALLBACK, url, "{}", audience=Audience.CUSTOMER), NOW)
    notifier = CallbackNotifier(PERMITTED, 1.0, tls or ssl.create_default_context())
    return asyncio.run(notifier.deliver(due))


@contextmanager
def names_lead_to(case: Case) -> Iterator[None]:
    """Put a resolver in place that answers as the case says."""

    def look_up(host: object, port: int, *_: object, **__: object) -> list[Any]:
        del host
        if case.lookup_error is not None:
            raise socket.gaierror(case.lookup_error, tls.SECRET)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in case.addresses
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_receiver_has_its_code_and_says_what_to_do(
    authorities: tls.Authorities, case: Case
) -> None:
    with case.serve(authorities) as port, names_lead_to(case):
        result = send(f"{case.scheme}://{tls.HOST}:{port}/", authorities.client())
    problem = delivery_problem(Channel.CALLBACK, result)
    assert problem
    assert problem.code == case.code
    assert case.words in str(problem)
    assert problem.advice
    assert tls.SECRET not in str(result) + str(problem)
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
    assert tls.SECRET not in str(result) + str(problem)
    assert result.permanent is (status == 410)


def test_a_sentence_is_true_of_a_heartbeat_too() -> None:
    """It is a GET without a body."""
    for status in (405, 413, 415):
        result = DeliveryResult(delivered=False, detail=f"HTTP {status}")
        sentence = format_result(Channel.HEARTBEAT, result)
        assert "POST" not in sentence
        assert "JSON" not in sentence
        assert "size" not in sentence
