"""Callbacks over real sockets: to the right address, in bounded time, whatever is answered."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.notifiers.callback import CallbackNotifier
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from tests.pending_notifications import pending
from tests.servers import receiver as behaviour
from tests.servers.receiver import Receiver

LOOPBACK = AddressPolicy.of(["127.0.0.0/8", "::1/128"])
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BODY = '{"jobId": "J", "status": "SUCCESS", "errors": null, "executionCompleted": true}'


def send(
    url: str,
    *,
    addresses: AddressPolicy = LOOPBACK,
    seconds: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> DeliveryResult:
    due = pending(Notice(Channel.CALLBACK, url, BODY, audience=Audience.CUSTOMER), NOW)
    notifier = CallbackNotifier(addresses, seconds, tls or ssl.create_default_context())
    return asyncio.run(notifier.deliver(due))


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Put a resolver in place that knows every name; nothing else can make one lie."""

    def lying(host: bytes, port: int, **options: object) -> list[tuple[object, ...]]:
        del host, options
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (families[":" in address], socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *_, **__: lying(host, port))


def test_the_body_goes_out_byte_for_byte_with_its_headers(receiver: Receiver) -> None:
    before = int(time.time())
    result = send(f"{receiver.url}/outcome?key=1#part")
    assert result == DeliveryResult(delivered=True, detail="HTTP 200")
    [request] = receiver.received
    assert request.body == BODY.encode()
    assert request.path == "/outcome?key=1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "n1"
    assert before <= int(request.headers["webhook-timestamp"]) <= time.time()
    assert request.headers["user-agent"] == "alumniq-pipelines"
    assert request.headers["host"] == receiver.url.removeprefix("http://")


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(receiver: Receiver, code: int) -> None:
    receiver.answers.append(behaviour.status(code))
    assert send(receiver.url).delivered


@pytest.mark.parametrize("code", [304, 400, 401, 404, 429, 500, 503])
def test_any_other_status_is_to_be_tried_again(receiver: Receiver, code: int) -> None:
    receiver.answers.append(behaviour.status(code))
    assert send(receiver.url) == DeliveryResult(delivered=False, detail=f"HTTP {code}")


def test_410_wants_no_more_callbacks(receiver: Receiver) -> None:
    receiver.answers.append(behaviour.status(410))
    assert send(receiver.url) == DeliveryResult(delivered=False, detail="HTTP 410", permanent=True)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_neither_followed_nor_a_delivery(receiver: Receiver, code: int) -> None:
    receiver.answers.append(behaviour.status(code, Location=f"{receiver.url}/elsewhere"))
    assert not send(receiver.url).delivered
    assert len(receiver.received) == 1


@pytest.mark.parametrize("code", [307, 429, 500, 503])
def test_the_time_that_a_receiver_asks_for_is_passed_on(receiver: Receiver, code: int) -> None:
    receiver.answers.append(behaviour.status(code, Retry_After="120"))
    assert send(receiver.url).retry_after == timedelta(seconds=120)


@pytest.mark.parametrize("answer", [behaviour.long_header, behaviour.many_headers])
def test_headers_without_end_are_given_up(receiver: Receiver, answer: behaviour.Response) -> None:
    receiver.answers.append(answer)
    begun = time.monotonic()
    assert not send(receiver.url, seconds=5.0).delivered
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize("line", [b"HTTP/1.1 999 Odd\r\n\r\n", b"hello\r\n\r\n", b"\0" * 99, b""])
def test_an_answer_that_is_no_http_is_no_delivery(receiver: Receiver, line: bytes) -> None:
    receiver.answers.append(behaviour.raw(line))
    assert not send(receiver.url).delivered


def test_an_inward_address_is_never_connected_to(receiver: Receiver) -> None:
    for spelling in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001"):
        result = send(receiver.url.replace("127.0.0.1", spelling), addresses=AddressPolicy())
        assert result == DeliveryResult(delivered=False, detail="address-not-allowed")
    assert receiver.received == []


def test_one_inward_address_among_public_ones_refuses_the_name(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "10.0.0.1")
    result = send(receiver.url.replace("127.0.0.1", "receiver.example.edu"))
    assert result.detail == "address-not-allowed"
    assert receiver.received == []


def test_the_checked_address_is_called_under_the_urls_name(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = receiver.url.replace("127.0.0.1", "receiver.example.edu")
    resolve_to(monkeypatch, "127.0.0.1")
    assert send(url).delivered
    assert receiver.received[0].headers["host"] == url.removeprefix("http://")


def test_after_a_dead_address_the_next_one_is_tried(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.9", "127.0.0.1")  # nothing listens on the first
    assert send(receiver.url.replace("127.0.0.1", "receiver.example.edu")).delivered
    assert len(receiver.received) == 1


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(receiver.url).delivered


@pytest.mark.parametrize("answer", [behaviour.never_answer, behaviour.trickle])
def test_a_receiver_that_never_finishes_costs_no_more_than_the_limit(
    receiver: Receiver, answer: behaviour.Response
) -> None:
    receiver.answers.append(answer)
    begun = time.monotonic()
    result = send(receiver.url, seconds=0.4)
    assert time.monotonic() - begun < 2
    assert result == DeliveryResult(delivered=False, detail="no-answer 0.4")


def test_an_endless_body_is_not_read(receiver: Receiver) -> None:
    receiver.answers.append(behaviour.endless_body)
    begun = time.monotonic()
    assert send(receiver.url).delivered
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.edu/",
        "file:///etc/passwd",
        "https://user:secret@example.edu/",
        "http://",
        "http://[::1",
        "not a url",
        "https://example.edu:99999/",
        "https://example.edu:0/",
    ],
)
def test_a_url_that_can_never_be_called_is_given_up(url: str) -> None:
    result = send(url)
    assert result == DeliveryResult(delivered=False, detail="url-unusable", permanent=True)


@pytest.mark.parametrize(
    "host",
    ["nowhere.invalid", "a..b", f"{'x' * 70}.example", "a b", "xn--a", "xn--", "xn--.invalid"],
)
def test_a_name_that_does_not_resolve_is_tried_again(host: str) -> None:
    result = send(f"http://{host}/")
    assert not result.delivered
    assert not result.permanent


def test_nothing_the_receiver_says_is_repeated(receiver: Receiver) -> None:
    receiver.answers.append(behaviour.status(500, X_Secret="<script>alert(1)</script>"))
    assert "script" not in json.dumps(send(receiver.url).detail)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_receiver(authority: trustme.CA) -> Iterator[Receiver]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("receiver.example.edu", "*.ascii.example.edu").configure_cert(context)
    with behaviour.serve(context) as running:
        yield running


def test_tls_is_verified_against_the_urls_name_not_the_address(
    secure_receiver: Receiver, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    resolve_to(monkeypatch, "127.0.0.1")
    url = secure_receiver.url.replace("127.0.0.1", "receiver.example.edu")
    assert send(url, tls=trusting).delivered
    assert not send(url.replace("receiver.", "other."), tls=trusting).delivered
    assert not send(url).delivered, "a made-up authority must not be trusted"
    assert len(secure_receiver.received) == 1


@pytest.mark.parametrize("label", ["xn--ls8h", "xn--a", "xn--bcher-kva"])
def test_a_name_in_its_ascii_form_is_called_as_it_is(
    secure_receiver: Receiver,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
) -> None:
    """Also one that IDNA 2008 does not know, such as that of an emoji."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    resolve_to(monkeypatch, "127.0.0.1")
    url = secure_receiver.url.replace("127.0.0.1", f"{label}.ascii.example.edu")
    assert send(url, tls=trusting) == DeliveryResult(delivered=True, detail="HTTP 200")
    [request] = secure_receiver.received
    assert request.headers["host"] == url.removeprefix("https://")


@pytest.mark.parametrize(
    "header",
    [
        b"Location: data:,x",
        b"Location: http://[",
        b"Location: http://\xc3\xbc\xff/",
        b"Location: //",
        b"Location: ",
        b"Location: http://" + "ü".encode() * 63 + b"/",
        b"Location: https://example.edu:99999999999/",
        b"Set-Cookie: =; ; expires=x; domain=\xff",
        b"Content-Encoding: \xff, gzip",
        b"Content-Type: text/html; charset=\xff",
        b"Retry-After: \xff",
    ],
)
@pytest.mark.parametrize("code", [200, 302, 401, 503])
def test_nonsense_in_an_answers_headers_is_never_a_fault_of_ours(
    receiver: Receiver, header: bytes, code: int
) -> None:
    line = b"HTTP/1.1 %d Any\r\n%s\r\nContent-Length: 0\r\n\r\n" % (code, header)
    receiver.answers.append(behaviour.raw(line))
    result = send(receiver.url)
    assert result.detail == f"HTTP {code}"
    assert result.delivered is (code == 200)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"HTTP/1.1 " + rest))
@example(b"HTTP/1.1 302 Found\r\nLocation: data:,x\r\n\r\n")
@example(b"HTTP/1.1 000 \r\n\r\n")
@example(b"HTTP/1.1 100 Continue\r\n\r\n" * 20)
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: -1\r\n\r\nzz\r\n")
@example(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")
def test_whatever_a_receiver_answers_is_a_result(answer: bytes) -> None:
    with behaviour.serve() as receiver:
        receiver.answers.append(behaviour.raw(answer))
        assert send(receiver.url).detail


def test_a_name_without_an_address_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch)
    result = send("https://hooks.example.edu/")
    assert result == DeliveryResult(delivered=False, detail="no-such-name")


@settings(deadline=None)
@given(
    st.text()
    | st.text("[]:%.@/\\aü0", max_size=20)
    | st.text("xn-aü0.", max_size=12).map("xn--{}".format)
)
@example("xn--a")
@example("xn--")
@example("xn--ls8h.la")
@example("ü.xn--a")
@example("ü.xn--")
@example("ü" * 63)
@example("x" * 64 + ".example")
@example("a..b")
@example("[fe80::1%25eth0]")
@example("[fe80::1%eth0]")
@example("example.edu:99999999999999999999")
@example("example.edu:-1")
@example("\u2603.example")
@example("\ud800")
@example("%00.example")
def test_whatever_the_host_of_a_url_is_there_is_a_result(host: str) -> None:
    """Nothing is called: no name is looked up, and every address counts as private."""
    real = socket.getaddrinfo

    def private(name: Any, port: Any, **_: Any) -> list[Any]:
        found = real(name, port, flags=socket.AI_NUMERICHOST)
        return [(*info[:4], ("10.0.0.1", port)) for info in found]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda host, port, *_, **__: private(host, port))
        result = send(f"https://{host}/", addresses=AddressPolicy.of(()))
    assert result.detail
    assert not result.delivered


def test_an_address_with_a_zone_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "fe80::1%lo")
    assert not send("http://hooks.example.edu:1/", addresses=AddressPolicy.of(["::/0"])).delivered
