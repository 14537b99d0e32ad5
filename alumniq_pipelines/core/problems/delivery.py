"""Why a notification was not delivered: the sentence for each fault of a receiver, and what to do.

The ledger stores what was seen of an attempt, as a code with at most one number: `tls-expired`,
`no-answer 15`, `HTTP 404`. The words are composed here when the attempt is shown, so the same
sentence stands on the pages, in the API, in commands and in messages to staff, also for an attempt
of an earlier release. Nothing that a receiver sent is part of them: no reason phrase, no name in a
certificate, no target of a redirect.

Add a fault to `DeliveryFault` and its sentence to `SENTENCES`, then run `make messages`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class DeliveryFault(StrEnum):
    """What prevented a delivery before the receiver answered with a status."""

    URL_UNUSABLE = "url-unusable"
    ADDRESS_NOT_ALLOWED = "address-not-allowed"
    NO_WEBHOOK = "no-webhook"
    NO_SUCH_NAME = "no-such-name"
    LOOKUP_UNAVAILABLE = "lookup-unavailable"
    LOOKUP_FAILED = "lookup-failed"
    CONNECTION_REFUSED = "connection-refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect-timeout"
    CONNECTION_FAILED = "connection-failed"
    TLS_SELF_SIGNED = "tls-self-signed"
    TLS_UNKNOWN_AUTHORITY = "tls-unknown-authority"
    TLS_INCOMPLETE_CHAIN = "tls-incomplete-chain"
    TLS_EXPIRED = "tls-expired"
    TLS_NOT_YET_VALID = "tls-not-yet-valid"
    TLS_WRONG_HOST = "tls-wrong-host"
    TLS_WEAK = "tls-weak"
    TLS_WEAK_EXCHANGE = "tls-weak-exchange"
    TLS_CERTIFICATE = "tls-certificate"
    TLS_OLD_VERSION = "tls-old-version"
    TLS_REFUSED = "tls-refused"
    TLS_UNSAFE_RENEGOTIATION = "tls-unsafe-renegotiation"
    TLS_CLIENT_CERTIFICATE = "tls-client-certificate"
    TLS_UNKNOWN_NAME = "tls-unknown-name"
    TLS_NOT_SPOKEN = "tls-not-spoken"
    TLS_CLOSED = "tls-closed"
    TLS_TIMEOUT = "tls-timeout"
    TLS_FAILED = "tls-failed"
    CONNECTION_RESET = "connection-reset"
    CONNECTION_CLOSED = "connection-closed"
    NO_ANSWER = "no-answer"
    TIMED_OUT = "timed-out"
    ANSWER_TOO_LARGE = "answer-too-large"
    NOT_HTTP = "not-http"
    NO_VALID_ANSWER = "no-valid-answer"
    OUR_FAULT = "our-fault"


@dataclass(frozen=True, slots=True)
class DeliveryProblem:
    """Why an attempt did not deliver; `code` is stable, for programs."""

    code: str
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        """Return detail, then advice."""
        return f"{self.detail} {self.advice}".strip()


_PUBLIC_CERTIFICATE = "Install a certificate from a public certificate authority."

SENTENCES: Mapping[DeliveryFault, tuple[str, str]] = {
    DeliveryFault.URL_UNUSABLE: (
        "This URL cannot be called.",
        "Use an http:// or https:// URL without user name and password.",
    ),
    DeliveryFault.ADDRESS_NOT_ALLOWED: (
        "The host in the URL has an address that is not public, so it is not called.",
        "Use a host that has public addresses only.",
    ),
    DeliveryFault.NO_WEBHOOK: (
        "The webhook that this notification was written for is no longer set.",
        "Set its URL again if these notifications are still wanted.",
    ),
    DeliveryFault.NO_SUCH_NAME: (
        "The host name in the URL does not exist, or has no address.",
        "Correct the URL, or add the name to the DNS.",
    ),
    DeliveryFault.LOOKUP_UNAVAILABLE: (
        "The host name in the URL could not be looked up at the moment.",
        "If this goes on, check the name servers of its domain.",
    ),
    DeliveryFault.LOOKUP_FAILED: (
        "The host name in the URL could not be looked up.",
        "Check its entry in the DNS, and the name servers of its domain.",
    ),
    DeliveryFault.CONNECTION_REFUSED: (
        "The connection was refused at the address and port in the URL.",
        "Check that the receiver runs, that the port is right and that no firewall refuses us.",
    ),
    DeliveryFault.UNREACHABLE: (
        "The network reports that the address of the host in the URL cannot be reached.",
        "Check that the name has an IPv4 address, and that no firewall refuses us.",
    ),
    DeliveryFault.CONNECT_TIMEOUT: (
        "No connection could be made in time to the address and port in the URL.",
        "Check that the receiver runs, that the port is right and that no firewall stops us.",
    ),
    DeliveryFault.CONNECTION_FAILED: (
        "The connection to the receiver failed.",
        "Check that the receiver runs and can be reached, and its TLS certificate.",
    ),
    DeliveryFault.TLS_SELF_SIGNED: (
        "The receiver's TLS certificate is self-signed, so it is not trusted.",
        _PUBLIC_CERTIFICATE,
    ),
    DeliveryFault.TLS_UNKNOWN_AUTHORITY: (
        "The receiver's TLS certificate was issued by an authority that we do not trust.",
        _PUBLIC_CERTIFICATE,
    ),
    DeliveryFault.TLS_INCOMPLETE_CHAIN: (
        (
            "The receiver's TLS certificate does not lead to a trusted authority: an intermediate "
            "certificate is missing, or the authority is not a public one."
        ),
        "Install the full chain of a certificate from a public certificate authority.",
    ),
    DeliveryFault.TLS_EXPIRED: (
        "A TLS certificate of the receiver has expired.",
        "Renew it, and check that the receiver serves the new one.",
    ),
    DeliveryFault.TLS_NOT_YET_VALID: (
        "A TLS certificate of the receiver is not valid yet.",
        "Install one that is valid now.",
    ),
    DeliveryFault.TLS_WRONG_HOST: (
        "The receiver's TLS certificate is not issued for the host in the URL.",
        "Use the host name that it is issued for, or install a certificate for this one.",
    ),
    DeliveryFault.TLS_WEAK: (
        "The receiver's TLS certificate or key is too weak to be trusted.",
        "Install one with an RSA key of 2048 bits or an elliptic curve key, and SHA-256.",
    ),
    DeliveryFault.TLS_WEAK_EXCHANGE: (
        "The receiver's Diffie-Hellman parameters are too small to be trusted.",
        "Enable cipher suites with ECDHE, or install parameters of 2048 bits.",
    ),
    DeliveryFault.TLS_CERTIFICATE: (
        "The receiver's TLS certificate could not be verified.",
        "Check its host names, dates, chain and extensions with a TLS checker.",
    ),
    DeliveryFault.TLS_OLD_VERSION: (
        "The receiver offers only versions of TLS that are older than 1.2.",
        "Enable TLS 1.2 or 1.3 on it.",
    ),
    DeliveryFault.TLS_REFUSED: (
        "The receiver refused the TLS handshake.",
        (
            "Enable current cipher suites on it (ECDHE, AES-GCM), demand no client certificate, "
            "and install a certificate for the host in the URL."
        ),
    ),
    DeliveryFault.TLS_UNSAFE_RENEGOTIATION: (
        "The receiver's TLS software is too old: it lacks secure renegotiation (RFC 5746).",
        "Update it.",
    ),
    DeliveryFault.TLS_CLIENT_CERTIFICATE: (
        "The receiver demands a TLS client certificate, and we have none.",
        "Let it accept our requests to this URL without one.",
    ),
    DeliveryFault.TLS_UNKNOWN_NAME: (
        "The receiver's TLS does not know the host name in the URL.",
        "Set up a certificate for this name on the receiver, or correct the URL.",
    ),
    DeliveryFault.TLS_NOT_SPOKEN: (
        "The port in the URL does not speak TLS, although the URL begins with https://.",
        "Enable TLS on this port, or use the port of the receiver that speaks it.",
    ),
    DeliveryFault.TLS_CLOSED: (
        "The connection was closed during the TLS handshake.",
        "Check that the port in the URL speaks TLS and that no firewall cuts us off.",
    ),
    DeliveryFault.TLS_TIMEOUT: (
        "The receiver accepted the connection but did not complete the TLS handshake in time.",
        "Check that the port in the URL speaks TLS and that the receiver is not overloaded.",
    ),
    DeliveryFault.TLS_FAILED: (
        "The TLS handshake with the receiver failed.",
        "Check the receiver's TLS with a TLS checker: its versions, cipher suites and certificate.",
    ),
    DeliveryFault.CONNECTION_RESET: (
        "The connection was reset before the receiver answered.",
        "Check the log of the receiver around this time, and any proxy or firewall in front of it.",
    ),
    DeliveryFault.CONNECTION_CLOSED: (
        "The receiver closed the connection without a complete answer.",
        "Check its log and any proxy before it. If its port speaks TLS, the URL needs https://.",
    ),
    DeliveryFault.NO_ANSWER: (
        "The receiver was reached, but sent no complete answer in the attempt's {number} seconds.",
        "Let it answer as soon as it has the request, and do its work afterwards.",
    ),
    DeliveryFault.TIMED_OUT: (
        "The receiver was not reached, or did not answer, within {number} seconds.",
        "Check that it can be reached, and let it answer as soon as it has the request.",
    ),
    DeliveryFault.ANSWER_TOO_LARGE: (
        "The header of the receiver's answer is too large.",
        "Let it answer with a status and few, short header fields.",
    ),
    DeliveryFault.NOT_HTTP: (
        "The receiver's answer is not valid HTTP.",
        "Check what answers on this port. If it speaks TLS, the URL needs https://.",
    ),
    DeliveryFault.NO_VALID_ANSWER: (
        "No valid answer of the receiver arrived.",
        "Check its log around this time, and any proxy or firewall in front of it.",
    ),
    DeliveryFault.OUR_FAULT: (
        "The attempt failed because of a fault on our side.",
        "Nothing has to be changed at the receiver for it.",
    ),
}
"""What happened, and what the people of the receiver should do; `{number}` is the number stored."""

_REDIRECTED = (
    "The receiver redirects to another URL (status {number}), and redirects are not followed.",
    "Use the URL that it redirects to. If that is a sign-in page, let it accept us without one.",
)
_UNAVAILABLE = (
    "The receiver, or the server behind it, is not available (status {number}).",
    "Check that both run.",
)
_INVALID = (
    "The receiver rejected the request as invalid (status {number}).",
    "Let it accept requests as documented, and ignore header fields that it does not know.",
)

STATUS_SENTENCES: Mapping[int, tuple[str, str]] = {
    **dict.fromkeys((301, 302, 303, 307, 308), _REDIRECTED),
    **dict.fromkeys((400, 422), _INVALID),
    401: (
        "The receiver demands a sign-in (status {number}).",
        "Let it accept our requests to this URL without one.",
    ),
    403: (
        "The receiver, or a firewall in front of it, forbids our requests (status {number}).",
        "Allow requests to this URL there.",
    ),
    404: (
        "The receiver has nothing at this URL (status {number}).",
        "Correct the URL, or set up the receiver there.",
    ),
    405: (
        "The receiver does not accept {method} at this URL (status {number}).",
        "Let it accept {method}, or correct the URL.",
    ),
    410: (
        "The receiver reports that this URL is permanently gone (status {number}).",
        "Use another URL, or set up the receiver there again.",
    ),
    413: (
        "The receiver does not accept a request of this size (status {number}).",
        "Raise the limit for the size of requests.",
    ),
    415: (
        "The receiver does not accept JSON (status {number}).",
        "Let it accept the content type application/json.",
    ),
    429: (
        "The receiver is getting too many requests (status {number}).",
        "Raise its rate limit.",
    ),
    **dict.fromkeys((502, 503, 504), _UNAVAILABLE),
}
"""The same for answers; `{method}` is what we call the URL with."""

OTHER_STATUS = (
    "The receiver answered with the status {number}, which does not confirm the delivery.",
    "Let it answer with a status from 200 to 299 once it has the request.",
)
REFUSED_STATUS = (
    "The receiver refused the request (status {number}).",
    "Check its log around this time, and let it answer with a status from 200 to 299.",
)
FAILED_STATUS = (
    "The receiver failed with an error of its own (status {number}).",
    "Check its log around this time.",
)
NOT_DELIVERED = "The notification was not delivered."

ABOUT_A_BODY = frozenset({413, 415})
EARLIER: Mapping[str, DeliveryFault] = {
    "the URL cannot be called": DeliveryFault.URL_UNUSABLE,
    "the address is not public": DeliveryFault.ADDRESS_NOT_ALLOWED,
    "the name has no address": DeliveryFault.NO_SUCH_NAME,
    "no chat is set": DeliveryFault.NO_WEBHOOK,
    "no Teams webhook is set": DeliveryFault.NO_WEBHOOK,
    "InvalidURL": DeliveryFault.URL_UNUSABLE,
    "gaierror": DeliveryFault.LOOKUP_FAILED,
    "SSLError": DeliveryFault.TLS_FAILED,
    **dict.fromkeys(("ConnectError", "ConnectTimeout", "OSError"), DeliveryFault.CONNECTION_FAILED),
    **dict.fromkeys(
        ("ReadError", "WriteError", "RemoteProtocolError", "ConnectionResetError"),
        DeliveryFault.NO_VALID_ANSWER,
    ),
}
"""What earlier releases stored: their own words, or the class of an error, whose cause is lost."""

_EARLIER_TIMEOUT = re.compile(r"no answer within (\S+) seconds")
_STATUS = re.compile(r"HTTP (\d{3})")


def http_status(seen: str) -> int | None:
    """Return the status of a response, from what is stored of the attempt; None without one."""
    status = _STATUS.fullmatch(seen)
    return int(status[1]) if status else None


def explain_call(seen: str, method: str = "POST") -> DeliveryProblem:
    """Return why a call of a URL did not deliver, from what is stored of the attempt."""
    if (status := http_status(seen)) is not None:
        return _explain_status(status, method)
    code, _, number = seen.partition(" ")
    if timeout := _EARLIER_TIMEOUT.fullmatch(seen):
        code, number = DeliveryFault.TIMED_OUT, timeout[1]
    code = EARLIER.get(seen, code)
    if code not in SENTENCES:
        if not seen[:1].isupper():  # of a later release, before it was taken back
            return DeliveryProblem(code, NOT_DELIVERED)
        code = DeliveryFault.OUR_FAULT  # the class of an error that is no receiver's
    detail, advice = SENTENCES[DeliveryFault(code)]
    return DeliveryProblem(code, detail.format(number=number), advice)


def _explain_status(status: int, method: str) -> DeliveryProblem:
    sentences = STATUS_SENTENCES.get(status)
    if sentences is None or (status in ABOUT_A_BODY and method == "GET"):
        sentences = {4: REFUSED_STATUS, 5: FAILED_STATUS}.get(status // 100, OTHER_STATUS)
    detail, advice = (text.format(number=status, method=method) for text in sentences)
    return DeliveryProblem(f"http-{status}", detail, advice)
