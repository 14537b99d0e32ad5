"""From the error of a call to a fault of the receiver: by classes and codes, never by texts.

The codes lie deep: httpx raises an error of its own from one of httpcore, that from one of anyio,
and that from the operating system's or OpenSSL's.
"""

import errno
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import httpx

from alumniq_pipelines.core.problems.delivery import DeliveryFault
from alumniq_pipelines.core.trace import trace_of

log = logging.getLogger(__name__)


class Phase(IntEnum):
    """How far a call has come."""

    LOOKUP = 0
    CONNECT = 1
    TLS = 2
    ANSWER = 3


PHASES: Mapping[str, Phase] = {
    "connection.connect_tcp.started": Phase.CONNECT,
    "connection.start_tls.started": Phase.TLS,
    "http11.send_request_headers.started": Phase.ANSWER,
}
"""The phases that begin with these events of httpcore's `trace` extension."""

TIMEOUTS: Mapping[Phase, DeliveryFault] = {
    Phase.LOOKUP: DeliveryFault.LOOKUP_UNAVAILABLE,
    Phase.CONNECT: DeliveryFault.CONNECT_TIMEOUT,
    Phase.TLS: DeliveryFault.TLS_TIMEOUT,
    Phase.ANSWER: DeliveryFault.NO_ANSWER,
}

ENDINGS: Mapping[Phase, DeliveryFault] = {
    Phase.LOOKUP: DeliveryFault.OUR_FAULT,
    Phase.CONNECT: DeliveryFault.CONNECTION_FAILED,
    Phase.TLS: DeliveryFault.TLS_CLOSED,
    Phase.ANSWER: DeliveryFault.CONNECTION_CLOSED,
}
"""What an error without a code of its own means: in the last two phases, that the stream ended.

In the first one it is none of the resolver's, so of what we prepare: our own list of authorities.
"""

CERTIFICATE_FAULTS: Mapping[int, DeliveryFault] = {
    2: DeliveryFault.TLS_INCOMPLETE_CHAIN,  # UNABLE_TO_GET_ISSUER_CERT
    9: DeliveryFault.TLS_NOT_YET_VALID,  # CERT_NOT_YET_VALID
    10: DeliveryFault.TLS_EXPIRED,  # CERT_HAS_EXPIRED
    18: DeliveryFault.TLS_SELF_SIGNED,  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: DeliveryFault.TLS_UNKNOWN_AUTHORITY,  # SELF_SIGNED_CERT_IN_CHAIN
    # The same code for a missing intermediate certificate and an unknown authority whose root the
    # receiver does not send.
    20: DeliveryFault.TLS_INCOMPLETE_CHAIN,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: DeliveryFault.TLS_INCOMPLETE_CHAIN,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    62: DeliveryFault.TLS_WRONG_HOST,  # HOSTNAME_MISMATCH
    64: DeliveryFault.TLS_WRONG_HOST,  # IP_ADDRESS_MISMATCH
    66: DeliveryFault.TLS_WEAK,  # EE_KEY_TOO_SMALL
    67: DeliveryFault.TLS_WEAK,  # CA_KEY_TOO_SMALL
    68: DeliveryFault.TLS_WEAK,  # CA_MD_TOO_WEAK
}
"""By `X509_V_ERR_…` of OpenSSL's x509_vfy.h."""

TLS_FAULTS: Mapping[str, DeliveryFault] = {
    "TLSV1_ALERT_PROTOCOL_VERSION": DeliveryFault.TLS_OLD_VERSION,
    "UNSUPPORTED_PROTOCOL": DeliveryFault.TLS_OLD_VERSION,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": DeliveryFault.TLS_REFUSED,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": DeliveryFault.TLS_REFUSED,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": DeliveryFault.TLS_UNSAFE_RENEGOTIATION,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": DeliveryFault.TLS_CLIENT_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": DeliveryFault.TLS_CLIENT_CERTIFICATE,  # ours, of which is none
    "TLSV1_UNRECOGNIZED_NAME": DeliveryFault.TLS_UNKNOWN_NAME,
    "EE_KEY_TOO_SMALL": DeliveryFault.TLS_WEAK,
    "DH_KEY_TOO_SMALL": DeliveryFault.TLS_WEAK_EXCHANGE,
    "WRONG_VERSION_NUMBER": DeliveryFault.TLS_NOT_SPOKEN,
    "PACKET_LENGTH_TOO_LONG": DeliveryFault.TLS_NOT_SPOKEN,
}
"""By OpenSSL's names of its reasons."""

LOOKUP_FAULTS: Mapping[int, DeliveryFault] = {
    socket.EAI_NONAME: DeliveryFault.NO_SUCH_NAME,
    socket.EAI_NODATA: DeliveryFault.NO_SUCH_NAME,
    socket.EAI_AGAIN: DeliveryFault.LOOKUP_UNAVAILABLE,
}

SYSTEM_FAULTS: Mapping[int, DeliveryFault] = {
    errno.ECONNREFUSED: DeliveryFault.CONNECTION_REFUSED,
    errno.ECONNRESET: DeliveryFault.CONNECTION_RESET,
    errno.ECONNABORTED: DeliveryFault.CONNECTION_RESET,
    errno.EPIPE: DeliveryFault.CONNECTION_RESET,
    errno.EHOSTUNREACH: DeliveryFault.UNREACHABLE,
    errno.EHOSTDOWN: DeliveryFault.UNREACHABLE,
    errno.ENETUNREACH: DeliveryFault.UNREACHABLE,
    errno.ENETDOWN: DeliveryFault.UNREACHABLE,
    errno.EACCES: DeliveryFault.UNREACHABLE,  # ICMPv6: prohibited by a firewall on the way
    errno.EADDRNOTAVAIL: DeliveryFault.UNREACHABLE,  # of a family that this machine has not
    errno.EAFNOSUPPORT: DeliveryFault.UNREACHABLE,
    errno.EMFILE: DeliveryFault.OUR_FAULT,
    errno.ENFILE: DeliveryFault.OUR_FAULT,
    errno.ENOBUFS: DeliveryFault.OUR_FAULT,
    errno.ENOMEM: DeliveryFault.OUR_FAULT,
    errno.EPERM: DeliveryFault.OUR_FAULT,  # a firewall of this machine
}

TOO_LARGE = 431
"""How h11 marks an answer whose header is longer than it reads (RFC 6585)."""


@dataclass
class CallProgress:
    """The phase of one call and its connection, kept by httpcore's `trace` extension.

    If a name has several addresses, the fault of the one that got furthest says most: an address
    that refuses is often a leftover beside the one that answers. No route, as often to an address
    of IPv6, says least.
    """

    phase: Phase = Phase.LOOKUP
    _connection: Any = None
    _faults: list[tuple[Phase, DeliveryFault]] = field(default_factory=list)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note that a phase has begun, and the connection that was made."""
        self.phase = PHASES.get(event, self.phase)
        if event == "connection.connect_tcp.complete":
            self._connection = info["return_value"]

    def add(self, error: BaseException) -> DeliveryFault:
        """Add the error that ended a connection or the call; return the fault that says most."""
        fault = fault_of(error, self.phase)
        if fault is DeliveryFault.OUR_FAULT:
            log.error("A delivery attempt failed by a fault of ours:\n%s", trace_of(error))
        self._faults.append((self.phase, fault))
        return max(
            self._faults, key=lambda found: (found[0], found[1] is not DeliveryFault.UNREACHABLE)
        )[1]

    async def close(self) -> None:
        """Close the connection: httpcore leaves it open if time is up during TLS's handshake."""
        if self._connection is not None:
            await self._connection.aclose()


def fault_of(error: BaseException, phase: Phase) -> DeliveryFault:
    """Return the fault that an error shows, the innermost cause that says something first."""
    causes = tuple(_causes(error))
    for cause in reversed(causes):
        fault = _fault_of_system(cause, phase)
        if fault is not None:
            return fault
    if isinstance(error, httpx.InvalidURL):
        return DeliveryFault.URL_UNUSABLE
    if isinstance(error, httpx.LocalProtocolError):
        return DeliveryFault.OUR_FAULT
    if isinstance(error, httpx.RemoteProtocolError):
        return _fault_of_answer(causes)
    return ENDINGS[phase]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        # Waiting for more bytes is no fault, but the context of whatever ends the wait.
        if not isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
            yield error
        error = error.__cause__ or error.__context__


def _fault_of_system(cause: BaseException, phase: Phase) -> DeliveryFault | None:
    """Return the fault of an error of the operating system, its resolver or OpenSSL."""
    match cause:
        case socket.gaierror(errno=int(code)):
            return LOOKUP_FAULTS.get(code, DeliveryFault.LOOKUP_FAILED)
        case TimeoutError():  # also ETIMEDOUT
            return TIMEOUTS[phase]
        case _ if phase is Phase.LOOKUP:
            return None
        case ssl.SSLError():
            return _fault_of_tls(cause)
        case OSError(errno=int(code)):
            return SYSTEM_FAULTS.get(code)
    return None


def _fault_of_tls(cause: ssl.SSLError) -> DeliveryFault:
    match cause:
        case ssl.SSLCertVerificationError():
            return CERTIFICATE_FAULTS.get(cause.verify_code, DeliveryFault.TLS_CERTIFICATE)
        case ssl.SSLEOFError():
            return DeliveryFault.TLS_CLOSED
    return TLS_FAULTS.get(cause.reason or "", DeliveryFault.TLS_FAILED)


def _fault_of_answer(causes: tuple[BaseException, ...]) -> DeliveryFault:
    """Return what is wrong with an answer, by the status that h11 hints at."""
    hints = [hint for cause in causes if (hint := getattr(cause, "error_status_hint", None))]
    if not hints:
        # httpcore's own error, without one of h11: the stream ended where an answer was due.
        return DeliveryFault.CONNECTION_CLOSED
    return DeliveryFault.ANSWER_TOO_LARGE if TOO_LARGE in hints else DeliveryFault.NOT_HTTP
