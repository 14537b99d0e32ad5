"""Simultaneous calls are handled in batches, and each gets its own response."""

import asyncio

import httpx

from tests.servers.gateway import DAYS, WEBHOOK, Caller, Installation
from webhook_gateway.app import open_app


async def call_together(
    installation: Installation, bodies: list[dict[str, str]]
) -> list[httpx.Response]:
    """Send all calls at once to a gateway in this process."""
    transport = httpx.ASGITransport(open_app(installation.settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await asyncio.gather(*(_call(client, dict(body)) for body in bodies))


async def _call(client: httpx.AsyncClient, body: dict[str, str]) -> httpx.Response:
    """Send a call, with an idempotency key in its header if one is given."""
    name = body.pop("name", None)
    headers = {"Idempotency-Key": name} if name else {}
    return await client.post(WEBHOOK, json=body, headers=headers)


def test_each_of_many_simultaneous_calls_gets_its_own_response(
    installation: Installation, caller: Caller
) -> None:
    good = {"apiKey": caller.key, "filename": "warehouse.csv"}
    kinds = (
        (good, 200),
        ({**good, "apiKey": "nobody's"}, 401),
        ({**good, "filename": "away.csv"}, 400),
        ({**good, "notifyEmail": "nobody"}, 400),
        ({**good, "name": "one and the same"}, 200),
    )
    wanted = [kinds[number % len(kinds)] for number in range(100)]

    responses = asyncio.run(call_together(installation, [body for body, _ in wanted]))

    assert [response.status_code for response in responses] == [status for _, status in wanted]
    job_ids = [response.json()["jobId"] for response in responses if response.status_code == 200]
    assert len(set(job_ids[1::2])) == 1
    assert len(set(job_ids)) == 21
    assert {load.job_id for load in installation.loads()} == set(job_ids)
    known = [response for response in responses if response.status_code != 401]
    assert all(DAYS in response.headers for response in known)
