"""Who connects and does not come to the end of the headers is hung up on."""

import asyncio
from functools import partial

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from webhook_gateway.server import BoundedProtocol


class Impatient(BoundedProtocol):
    """Waits for next to nothing."""

    head_seconds = 0.2


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything at once."""
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def handle_error(*parts: bytes) -> bytes:
    """Send parts, each after the answer to the one before, and read until the server hangs up."""
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
        answer = await reader.read()
        writer.close()
    return answer


@pytest.mark.parametrize(
    "parts",
    [
        (b"",),
        (b"POST / HTTP/1.1\r\nHost: x\r\n",),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHo"),
    ],
    ids=["nothing", "half a head", "half of a second head"],
)
def test_a_head_that_does_not_come_is_not_waited_for(parts: tuple[bytes, ...]) -> None:
    answer = asyncio.run(handle_error(*parts))

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(
        b'{"errors":["The request did not arrive completely within 0.2 seconds. Send it again."]}'
    )
