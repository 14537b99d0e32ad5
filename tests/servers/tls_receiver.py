"""Receivers that speak TLS, each with a certificate or settings of one kind."""

import ssl
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.servers import broken_receiver as broken

HOST = "receiver.example.edu"
SECRET = "s3cret"
"""Stands wherever a receiver can put a text of its own, and must be shown nowhere."""
TODAY = datetime.now(UTC)
DAY = timedelta(days=1)

SMALL_PARAMETERS = b"""\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""
"""The prime of 1024 bits of RFC 2409, as old receivers use it."""

Served = AbstractContextManager[int]
"""A port for as long as the receiver runs."""


@dataclass(frozen=True)
class Authorities:
    """Two authorities, of which we trust the first."""

    trusted: trustme.CA
    other: trustme.CA

    def client(self) -> ssl.SSLContext:
        """Return our side's settings."""
        context = ssl.create_default_context()
        self.trusted.configure_trust(context)
        return context


Serve = Callable[[Authorities], Served]
"""Starts a receiver."""


def issued(
    issuer: Callable[[Authorities], trustme.CA],
    *names: str,
    begins: datetime = TODAY - DAY,
    ends: datetime = TODAY + DAY,
    chain: int | None = None,
    root: bool = False,
    key: trustme.KeyType = trustme.KeyType.ECDSA,
    set_up: Callable[[ssl.SSLContext], None] = lambda _: None,
) -> Serve:
    """Serve a certificate; `chain` is how many of its certificates are sent, `root` one more."""

    def serve(authorities: Authorities) -> Served:
        leaf = issuer(authorities).issue_cert(
            *(names or (HOST,)),
            organization_name=SECRET,
            not_before=begins,
            not_after=ends,
            key_type=key,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        sent = b"".join(blob.bytes() for blob in leaf.cert_chain_pems[:chain])
        sent += authorities.other.cert_pem.bytes() if root else b""
        load(context, leaf.private_key_pem.bytes() + sent)
        set_up(context)
        return broken.listen(broken.speak_tls(context))

    return serve


def load(context: ssl.SSLContext, pem: bytes) -> None:
    with trustme.Blob(pem).tempfile() as path:
        context.load_cert_chain(path)


def self_made(
    key_size: int = 2_048, *, signed_by: Callable[[Authorities], trustme.CA] | None = None
) -> Serve:
    """Serve a certificate that is self-signed, or signed by an authority whatever its key is."""

    def serve(authorities: Authorities) -> Served:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=key_size)
        signing_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = key
        name = issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SECRET)])
        if signed_by is not None:
            authority = signed_by(authorities)
            issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
            loaded = serialization.load_pem_private_key(
                authority.private_key_pem.bytes(), password=None
            )
            assert isinstance(loaded, ec.EllipticCurvePrivateKey)
            signing_key = loaded
        certificate = (
            x509.CertificateBuilder(issuer, name, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(TODAY - DAY)
            .not_valid_after(TODAY + DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
                critical=False,
            )
            .sign(signing_key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
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


def small_parameters(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    with trustme.Blob(SMALL_PARAMETERS).tempfile() as path:
        context.load_dh_params(path)


def client_certificates(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def set_up(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED

    return set_up


def trusted(authorities: Authorities) -> trustme.CA:
    return authorities.trusted


def other(authorities: Authorities) -> trustme.CA:
    return authorities.other


def intermediate(authorities: Authorities) -> trustme.CA:
    return authorities.trusted.create_child_ca()


def without_root(authorities: Authorities) -> trustme.CA:
    return authorities.other.create_child_ca()
