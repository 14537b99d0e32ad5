"""A filename that leads to no file: the refusal says why, and names only what is there."""

from unicodedata import normalize

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import Caller, Installation, call, errors

NFC, NFD = normalize("NFC", "Zoë.csv"), normalize("NFD", "Zoë.csv")


def refusal(client: TestClient, caller: Caller, filename: str) -> str:
    response = call(client, caller, filename=filename)
    assert response.status_code == 400
    [error] = errors(response)
    return error


@pytest.mark.parametrize(
    "filename",
    [
        "qa/warehouse/2026/alumni.csv",
        "QA/Warehouse/2026/alumni.csv",
        "warehouse/2026/alumni.csv",
        "qa/2026/alumni.csv",
        "iqu-feeds/qa/warehouse/2026/alumni.csv",
    ],
)
def test_a_filename_that_begins_with_its_own_folder_is_told_so_with_the_name_to_send(
    client: TestClient, caller: Caller, filename: str
) -> None:
    """`qa/warehouse/alumni.csv` was once answered with "Did you mean warehouse.csv?"."""
    caller.deliver("2026/alumni.csv")
    assert refusal(client, caller, filename) == (
        f"The file {filename} was not found in qa/warehouse/. Leave out the folder in front: "
        "every filename is looked up in qa/warehouse/. Send 2026/alumni.csv."
    )
    assert call(client, caller, filename="2026/alumni.csv").status_code == 200


@pytest.mark.parametrize(
    "filename",
    [
        "/alumni.csv",
        "./alumni.csv",
        "/qa/warehouse/alumni.csv",
        "qa//warehouse//alumni.csv",
        "qa\\warehouse\\alumni.csv",
        "s3://iqu-feeds/qa/warehouse/alumni.csv",
        "s3://iqu-feeds/alumni.csv",
        "https://iqu-feeds.s3.amazonaws.com/qa/warehouse/alumni.csv?X-Amz-Expires=60",
        "https://s3.amazonaws.com/iqu-feeds/qa/warehouse/alumn%69.csv",
        "/exports/nightly/alumni.csv",
        "C:\\exports\\alumni.csv",
    ],
)
def test_an_address_or_a_path_is_refused_with_the_name_to_send(
    client: TestClient, caller: Caller, filename: str
) -> None:
    caller.deliver("alumni.csv")
    error = refusal(client, caller, filename)
    assert error.startswith("The filename has an empty part, a part `.` or `..`, or a backslash.")
    assert error.endswith("the file has below your warehouse/ folder: alumni.csv.")


@pytest.mark.parametrize("filename", ["/gifts.csv", "s3://iqu-feeds/qa/warehouse/gifts.csv"])
def test_no_name_is_given_to_send_unless_its_file_is_there(
    client: TestClient, caller: Caller, filename: str
) -> None:
    error = refusal(client, caller, filename)
    assert error.endswith("below your warehouse/ folder, such as warehouse.csv.")


def test_similar_names_are_looked_for_without_the_folder_in_front(
    client: TestClient, caller: Caller
) -> None:
    caller.deliver("alumni.csv")
    error = refusal(client, caller, "qa/warehouse/alumnii.csv")
    assert error.endswith("looked up in qa/warehouse/. Did you mean alumni.csv?")
    error = refusal(client, caller, "qa/warehouse/gifts-2026.zip")
    assert error.endswith("looked up in qa/warehouse/. Upload the file to it first.")


def test_a_file_of_the_same_name_in_a_folder_below_is_suggested_first(
    client: TestClient, caller: Caller
) -> None:
    caller.deliver("2026/11/alumni.csv")
    caller.deliver("alumnii.csv")
    assert refusal(client, caller, "alumni.csv").endswith("Did you mean 2026/11/alumni.csv?")


def test_a_folder_of_the_customer_that_is_called_like_ours_is_still_found(
    client: TestClient, caller: Caller
) -> None:
    caller.deliver("qa/warehouse/alumni.csv")
    assert call(client, caller, filename="qa/warehouse/alumni.csv").status_code == 200


@pytest.mark.parametrize(
    "filename",
    [
        "alumni.csv",
        "production/warehouse/alumni.csv",
        "production/alumni.csv",
        "warehouse/alumni.csv",
        "/production/warehouse/alumni.csv",
        "s3://iqu-feeds/production/warehouse/alumni.csv",
    ],
)
def test_a_file_in_the_folder_of_the_other_environment_is_pointed_out(
    client: TestClient, installation: Installation, caller: Caller, filename: str
) -> None:
    installation.caller("iqu", Environment.PRODUCTION).deliver("alumni.csv")
    assert refusal(client, caller, filename) == (
        f"The file {filename} was not found in qa/warehouse/. It is in production/warehouse/. "
        "Upload it to qa/warehouse/, or call the webhook with your key for that environment."
    )


def test_the_other_environment_is_not_mentioned_unless_the_file_is_there(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    """Nor is a file of this environment suggested: the other one's was meant."""
    caller.deliver("alumni.csv")
    for filename in ("production/warehouse/alumni.csv", "production/alumni.csv"):
        error = refusal(client, caller, filename)
        assert "It is in" not in error
        assert error.endswith("looked up in qa/warehouse/. Upload the file to it first.")
    installation.customer("wwu").deliver("gifts.csv")
    installation.caller("wwu", Environment.PRODUCTION).deliver("gifts.csv")
    error = refusal(client, caller, "gifts.csv")
    assert error.endswith("Upload it first, then call the webhook again.")


@pytest.mark.parametrize(
    ("stored", "sent", "written", "in_json"),
    [
        (NFD, NFC, "the name in the bucket has accents as characters", "Zoe\\u0308"),
        (NFC, NFD, "the name in the bucket has each accented letter", "Zo\\u00eb"),
        (NFD, f"qa/warehouse/{NFC}", "the name in the bucket has accents", "Zoe\\u0308"),
    ],
)
def test_a_name_that_only_looks_the_same_is_explained_in_words(
    client: TestClient, caller: Caller, stored: str, sent: str, written: str, in_json: str
) -> None:
    """Names from macOS are in NFD, those from most other systems in NFC."""
    caller.deliver(stored)
    error = refusal(client, caller, sent)
    assert "A file whose name looks the same is there" in error
    assert written in error
    assert f'"{in_json}.csv"' in error
    assert call(client, caller, filename=stored).status_code == 200


def test_every_other_problem_of_the_call_is_reported_beside_the_filename(
    client: TestClient, caller: Caller
) -> None:
    response = call(client, caller, filename="/warehouse.csv", notifyEmail="you")
    assert len(errors(response)) == 2
