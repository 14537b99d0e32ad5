"""The number of queries behind a page does not depend on the number of rows."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from tests.integration.ledger.counted_statements import counted_statements
from tests.page_visits import accept_load, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation
from webhook_gateway.pages.notifications import MAX_SHOWN
from webhook_gateway.services.keys import MAX_KEYS


def mail_to(address: str) -> Notice:
    """Return a mail to a customer."""
    return Notice(
        channel=Channel.MAIL,
        destination=address,
        body="",
        subject="Done",
        audience=Audience.CUSTOMER,
    )


def end_load(client: TestClient, caller: Caller, installation: Installation) -> str:
    """Accept a load and end it, with a notification that could not be delivered at once."""
    job_id = accept_load(client, caller)
    notice = mail_to("a@example.edu")
    ledger = installation.ledger
    ledger.loads.end(job_id, Outcome(LoadState.FAILED, ("why",)), [notice], NOW)
    for notification in ledger.notifications.claim(NOW, timedelta(minutes=1)):
        ledger.notifications.record(notification, DeliveryResult(delivered=True, detail=""), NOW)
    return job_id


@pytest.mark.parametrize(
    "path",
    ["/webhooks", "/start", "/loads", "/notifications", "/keys", "/s3-keys", "/api/v1/loads",
     "/api/v1/jobs", "/api/v1/keys"],
)  # fmt: skip
def test_a_page_needs_as_many_queries_for_many_rows_as_for_a_few(
    client: TestClient, caller: Caller, installation: Installation, path: str
) -> None:
    caller.deliver("warehouse.csv")
    headers = {"Authorization": f"Bearer {caller.key}"} if path.startswith("/api") else {}
    if not headers:
        sign_in(client, caller.key)
    end_load(client, caller, installation)

    def count() -> int:
        with counted_statements(installation.ledger.engine) as executed:
            assert client.get(path, headers=headers).status_code == 200
        return len([text for text in executed if text.startswith("SELECT")])

    count()  # the first one may record the use of the key
    before = count()
    for _ in range(12):
        end_load(client, caller, installation)
        installation.ledger.keys.issue("iqu", Environment.QA, NOW)
    assert count() == before


def test_a_load_needs_as_many_queries_for_many_notifications_as_for_a_few(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    caller.deliver("warehouse.csv")
    sign_in_as_staff(client, installation)
    counts = []
    for notices in (1, 12):
        job_id = accept_load(client, caller)
        notice = mail_to("a@example.edu")
        outcome = Outcome(LoadState.FAILED, ("why",))
        installation.ledger.loads.end(job_id, outcome, [notice] * notices, NOW)
        with counted_statements(installation.ledger.engine) as executed:
            assert client.get(f"/loads/{job_id}").status_code == 200
        counts.append(len(executed))
    assert counts[0] == counts[1]


def test_older_notifications_are_on_the_next_page(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    caller.deliver("warehouse.csv")
    job_id = accept_load(client, caller)
    notices = [mail_to(f"{number}@example.edu") for number in range(MAX_SHOWN + 1)]
    installation.ledger.loads.end(job_id, Outcome(LoadState.FAILED, ("why",)), notices, NOW)
    sign_in(client, caller.key)
    first, second = client.get("/notifications").text, client.get("/notifications?page=2").text
    assert first.count("@example.edu") == MAX_SHOWN
    assert second.count("@example.edu") == 1
    assert "Older notifications" in first
    assert "Older notifications" not in second


def test_of_many_keys_the_newest_and_those_that_have_not_ended_are_listed(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    ledger = installation.ledger
    _, ended = ledger.keys.issue("iqu", Environment.QA, NOW - timedelta(days=9), days=1)
    prefixes = [
        ledger.keys.issue("iqu", Environment.QA, NOW + timedelta(seconds=number))[1].prefix
        for number in range(1, MAX_KEYS + 1)
    ]
    headers = {"Authorization": f"Bearer {caller.key}"}
    listed = {key["prefix"] for key in client.get("/api/v1/keys", headers=headers).json()["keys"]}
    assert listed == {*prefixes, caller.key[:12]}
    assert ended.prefix not in listed
