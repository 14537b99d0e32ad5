"""A client that does not finish its headers in time is disconnected."""

import asyncio
from functools import partial

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from webhook_gateway.server import BoundedProtocol


class Impatient(BoundedProtocol):
    """A protocol with a very short time limit."""

    head_seconds = 0.2


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to every request at once."""
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def send_parts(*parts: bytes) -> bytes:
    """Send parts, each after the response to the previous one, until the connection closes."""
    config = Config(app, http=Impatient, lifespan="off", log_config=None, access_log=False)
    config.load()
    serve = partial(Impatient, config=config, server_state=ServerState(), app_state={})
    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(20), server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts[:-1]:
            writer.write(part)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        writer.write(parts[-1])
        response = await reader.read()
        writer.close()
    return response


@pytest.mark.parametrize(
    "parts",
    [
        (b"",),
        (b"POST / HTTP/1.1\r\nHost: x\r\n",),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHo"),
    ],
    ids=["nothing", "half a head", "half of a second head"],
)
def test_an_incomplete_head_times_out(parts: tuple[bytes, ...]) -> None:
    response = asyncio.run(send_parts(*parts))

    assert response.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert response.endswith(
        b'{"errors":["The request did not arrive completely within 0.2 seconds. Send it again."]}'
    )
