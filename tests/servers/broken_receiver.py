"""Receivers that fail below HTTP: each takes connections, and misbehaves in one way."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket], None]
"""What a receiver does with a connection."""

TLS_ALERT = b"\x15\x03\x03\x00\x02\x02"
"""Begins a fatal alert; its number follows (RFC 8446)."""

OLD_HELLO = (
    b"\x16\x03\x03\x00\x2a"  # a record of 42 bytes
    b"\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00"  # TLS 1.2, its random bytes, no session
    b"\xc0\x2f\x00"  # ECDHE-RSA-AES128-GCM-SHA256, no compression, and no extension
)
"""The ServerHello of software from before secure renegotiation (RFC 5246, 5746)."""


@contextmanager
def listen(talk: Talk) -> Iterator[int]:
    """Take connections one after the other on a port of loopback, and yield it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return  # the test is over
                with connection, suppress(OSError):
                    connection.settimeout(20)
                    talk(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def never_accept() -> Iterator[int]:
    """Yield a port whose queue of connections is full, so that the next one is not answered."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.settimeout(0)
            client.connect_ex(server.getsockname())
        try:
            yield server.getsockname()[1]
        finally:
            for client in waiting:
                client.close()


@contextmanager
def refuse() -> Iterator[int]:
    """Yield a port on which nothing listens, and which nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def hang(connection: socket.socket) -> None:
    """Never answer."""
    while connection.recv(65_536):
        pass


def begin(answer: bytes) -> Talk:
    """Send these bytes and never more."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(answer)
        hang(connection)

    return talk


def reset(connection: socket.socket) -> None:
    """Read something, then cut the connection with a reset."""
    connection.recv(65_536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def say(answer: bytes) -> Talk:
    """Read something, send these bytes and hang up, without a reset."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        hang(connection)

    return talk


def speak_tls(context: ssl.SSLContext, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Talk:
    """Answer over TLS; after a failed handshake, let the client read the alert."""

    def talk(connection: socket.socket) -> None:
        secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with secured:
            with suppress(ssl.SSLError):
                secured.do_handshake()
                secured.recv(65_536)
                secured.sendall(answer)
            secured.shutdown(socket.SHUT_WR)  # of the plain socket: TLS is over
            hang(secured)

    return talk
