"""Calls that come at the same time are worked off together, each with its own answer."""

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
    """Send one call; a name for the request goes into its header."""
    name = body.pop("name", None)
    headers = {"Idempotency-Key": name} if name else {}
    return await client.post(WEBHOOK, json=body, headers=headers)


def test_each_of_many_calls_at_once_gets_its_own_answer(
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

    answers = asyncio.run(call_together(installation, [body for body, _ in wanted]))

    assert [answer.status_code for answer in answers] == [status for _, status in wanted]
    job_ids = [answer.json()["jobId"] for answer in answers if answer.status_code == 200]
    assert len(set(job_ids[1::2])) == 1
    assert len(set(job_ids)) == 21
    assert {load.job_id for load in installation.loads()} == set(job_ids)
    known = [answer for answer in answers if answer.status_code != 401]
    assert all(DAYS in answer.headers for answer in known)
