"""The webhook against a real ledger, real buckets and the real field maps."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.servers.gateway import NOW, WEBHOOK, Caller, call, errors


def test_an_accepted_call_is_a_queued_load_with_the_facts_of_its_file(
    client: TestClient, caller: Caller
) -> None:
    url = "https://hooks.example.com/x?y=z"
    response = call(client, caller, notifyEmail=" you@example.edu ", notifyWebhook=url)

    assert response.status_code == 200
    [load] = caller.installation.loads()
    assert load.job_id == response.json()["jobId"]
    assert load.state is LoadState.QUEUED
    assert load.accepted_at == NOW
    assert load.target == Target("iqu", Environment.QA, "warehouse")
    assert load.request.size_bytes == 8
    bucket = caller.installation.buckets.open("iqu-feeds")
    stored = bucket.head("qa/warehouse/warehouse.csv")
    assert stored is not None
    assert load.request.etag == stored.etag
    assert (load.request.notify_email, load.request.notify_webhook) == ("you@example.edu", url)


def test_everything_that_is_wrong_is_reported_at_once_in_one_order(
    client: TestClient, caller: Caller
) -> None:
    path = WEBHOOK.replace("warehouse", "sudo_make_me_a_sandwich")
    response = call(client, caller, path, filename=" ", notifyEmail="you", notifyWebhook="you")

    assert response.status_code == 400
    job, filename, email, webhook = errors(response)
    assert job == "Invalid Job Name: sudo_make_me_a_sandwich"
    assert filename == "Missing required option: Filename"
    assert email.startswith("The option NotifyEmail is not an e-mail address.")
    assert webhook.startswith("The option NotifyWebhook does not start with https://.")
    assert caller.installation.loads() == []


def test_addresses_are_accepted_as_people_write_them_and_given_back_as_they_were_sent(
    client: TestClient, caller: Caller
) -> None:
    emails = '"Lee, Ann" <ann@example.edu>; bob@bücher.example'
    response = call(client, caller, notifyEmail=emails)

    assert response.status_code == 200
    assert response.json()["notificationSettings"] == {"emails": emails, "webhook": ""}


def test_of_several_addresses_the_wrong_one_is_named(client: TestClient, caller: Caller) -> None:
    [error] = errors(call(client, caller, notifyEmail="a@example.edu, b@, c@example.edu"))

    assert error == (
        "The option NotifyEmail holds what is not an e-mail address: b@ (number 2 of 3). "
        "Send one address, or several separated by commas."
    )


def test_a_callback_to_a_host_in_full_width_letters_is_refused(
    client: TestClient, caller: Caller
) -> None:
    [error] = errors(call(client, caller, notifyWebhook="https://\uff45xample.edu/hook"))

    assert "such as full-width letters" in error


@pytest.mark.parametrize("filename", ["nothing.csv", "/warehouse.csv"])
def test_for_an_unknown_job_no_file_is_looked_up(
    client: TestClient, caller: Caller, filename: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bucket is not even opened: what is wrong with the bucket is not the caller's problem."""
    monkeypatch.delattr(type(caller.installation.buckets), "open")
    path = WEBHOOK.replace("warehouse", "sudo_make_me_a_sandwich")
    response = call(client, caller, path, filename=filename)

    assert response.status_code == 400
    job, *others = errors(response)
    assert job == "Invalid Job Name: sudo_make_me_a_sandwich"
    assert all(error.endswith("folder, such as warehouse.csv.") for error in others)
    assert bool(others) == filename.startswith("/")


def test_beside_another_problem_of_the_call_an_unusable_filename_is_not_looked_up(
    client: TestClient, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(type(caller.installation.buckets), "open")
    response = call(client, caller, filename="/warehouse.csv", notifyEmail="you")

    filename, email = errors(response)
    assert filename.endswith("folder, such as warehouse.csv.")
    assert email.startswith("The option NotifyEmail")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("Warehouse.CSV", "warehouse.csv"),
        ("warehouse.cvs", "warehouse.csv"),
        ("warehouse.csv.gz", "warehouse.csv"),
        ("ware_house.csv", "warehouse.csv"),
    ],
)
def test_a_missing_file_is_refused_with_a_similar_name(
    client: TestClient, caller: Caller, sent: str, meant: str
) -> None:
    [message] = errors(call(client, caller, filename=sent))

    assert message == f"The file {sent} was not found in qa/warehouse/. Did you mean {meant}?"


def test_without_a_similar_name_none_is_suggested(client: TestClient, caller: Caller) -> None:
    [message] = errors(call(client, caller, filename="gifts-2026.zip"))

    assert "warehouse.csv" not in message
    assert message.endswith("Upload it first, then call the webhook again.")


def test_the_same_call_twice_makes_two_loads(client: TestClient, caller: Caller) -> None:
    first, second = call(client, caller).json(), call(client, caller).json()

    assert first["jobId"] != second["jobId"]
    assert len(caller.installation.loads()) == 2


def test_fifty_calls_at_once_make_fifty_loads(client: TestClient, caller: Caller) -> None:
    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(lambda _: call(client, caller), range(50)))

    job_ids = {response.json()["jobId"] for response in responses}
    assert len(job_ids) == 50
    assert {load.job_id for load in caller.installation.loads()} == job_ids
