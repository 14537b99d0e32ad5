"""A filename that leads to no file: the refusal says why, and names only what is there."""

import json
from datetime import timedelta
from unicodedata import normalize

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import NOW, Caller, Installation, call, errors

NFC, NFD = normalize("NFC", "Zoë.csv"), normalize("NFD", "Zoë.csv")
ANGSTROM = "\u212b.csv"  # the sign of the unit, which looks like the letter \u00c5

NAMES_PRODUCTION = (
    "The filename names production/warehouse/, but your key is for qa/warehouse/, and every "
    "filename is looked up there."
)


def in_other_environment(name: str, folder: str = "production/warehouse/") -> str:
    return (
        f"A file called {name} is in {folder}: to load that one, use the address and the key of "
        "that environment."
    )


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
    ],
)
def test_an_address_or_a_path_is_refused_with_the_name_to_send(
    client: TestClient, caller: Caller, filename: str
) -> None:
    caller.deliver("alumni.csv")
    assert refusal(client, caller, filename) == (
        "The filename has an empty part, a part `.` or `..`, or a backslash. "
        "Every filename is looked up in qa/warehouse/. Send alumni.csv."
    )


@pytest.mark.parametrize(
    "filename", ["/exports/nightly/alumni.csv", "C:\\exports\\alumni.csv", "/alumnii.csv"]
)
def test_a_name_that_is_only_similar_is_asked_for(
    client: TestClient, caller: Caller, filename: str
) -> None:
    caller.deliver("alumni.csv")
    error = refusal(client, caller, filename)
    assert error.endswith("Every filename is looked up in qa/warehouse/. Did you mean alumni.csv?")


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
    assert error.endswith("Upload the file to qa/warehouse/ and send gifts-2026.zip.")


@pytest.mark.parametrize(
    ("delivered", "sent", "meant"),
    [
        (["archive/2026/alumni.csv", "archive/2019/alumni.csv"], "alumni.csv", [1]),
        (["archive/2019/alumni.csv", "archive/2026/alumni.csv"], "alumni.csv", [1]),
        (["archive/2019/alumni.csv", "alumni_.csv"], "alumni.csv", [1, 0]),
        (["2026/11/alumni.csv", "alumnii.csv", "alumni-2019.csv"], "alumni.csv", [1, 0]),
        (["2026/11/gifts.csv", "2026/11/alumnii.csv"], "2026/11/alumni.csv", [1]),
        (["2026/11/alumnii.csv"], "2026/12/alumni.csv", [0]),
    ],
)
def test_the_closest_name_in_the_same_folder_is_suggested_and_the_newest_of_other_folders(
    client: TestClient, caller: Caller, delivered: list[str], sent: str, meant: list[int]
) -> None:
    """The first by name was once suggested: of files by year, the oldest."""
    for number, name in enumerate(delivered):
        caller.deliver(name, modified_at=NOW + timedelta(days=number))
    names = " or ".join(delivered[number] for number in meant)
    assert refusal(client, caller, sent).endswith(f"Did you mean {names}?")


def test_a_folder_of_the_customer_that_is_called_like_ours_is_still_found(
    client: TestClient, caller: Caller
) -> None:
    caller.deliver("qa/warehouse/alumni.csv")
    assert call(client, caller, filename="qa/warehouse/alumni.csv").status_code == 200


def test_a_file_in_the_folder_of_the_other_environment_is_pointed_out(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    installation.caller("iqu", Environment.PRODUCTION).deliver("alumni.csv")
    not_found = "was not found in qa/warehouse/."
    assert refusal(client, caller, "alumni.csv") == (
        f"The file alumni.csv {not_found} Upload it first, then call the webhook again. "
        f"{in_other_environment('alumni.csv')}"
    )
    assert refusal(client, caller, "warehouse/alumni.csv") == (
        f"The file warehouse/alumni.csv {not_found} Leave out the folder in front: every filename "
        "is looked up in qa/warehouse/. Upload the file to qa/warehouse/ and send alumni.csv. "
        f"{in_other_environment('alumni.csv')}"
    )


def test_a_similar_name_is_suggested_before_a_file_of_the_other_environment(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    """QA's old test data were once recommended for production."""
    caller.deliver("alumni.csv")
    production = installation.caller("iqu", Environment.PRODUCTION)
    production.deliver("Alumni.csv")
    assert refusal(client, production, "alumni.csv") == (
        "The file alumni.csv was not found in production/warehouse/. Did you mean Alumni.csv? "
        f"{in_other_environment('alumni.csv', 'qa/warehouse/')}"
    )


@pytest.mark.parametrize(
    "filename",
    [
        "production/warehouse/alumni.csv",
        "production/alumni.csv",
        "/production/warehouse/alumni.csv",
        "s3://iqu-feeds/production/warehouse/alumni.csv",
    ],
)
@pytest.mark.parametrize(("is_here", "is_there"), [(True, True), (True, False), (False, True)])
def test_a_filename_that_names_the_other_environment_is_told_so_with_the_name_to_send(
    client: TestClient,
    installation: Installation,
    caller: Caller,
    filename: str,
    *,
    is_here: bool,
    is_there: bool,
) -> None:
    """The advice was once to upload the file, even if it was there."""
    caller.deliver("alumnii.csv")
    if is_here:
        caller.deliver("alumni.csv")
    if is_there:
        installation.caller("iqu", Environment.PRODUCTION).deliver("alumni.csv")
    error = refusal(client, caller, filename)
    send = (
        "To load the file in qa/warehouse/, send alumni.csv."
        if is_here
        else "Upload the file to qa/warehouse/ and send alumni.csv."
    )
    elsewhere = f" {in_other_environment('alumni.csv')}" if is_there else ""
    assert error.endswith(f"{NAMES_PRODUCTION} {send}{elsewhere}")


@pytest.mark.parametrize("filename", ["production/warehouse/alumni.csv", "production/alumni.csv"])
def test_for_a_file_of_the_other_environment_that_is_nowhere_no_similar_name_is_suggested(
    client: TestClient, caller: Caller, filename: str
) -> None:
    caller.deliver("alumnii.csv")
    assert refusal(client, caller, filename).endswith(
        f"{NAMES_PRODUCTION} Upload the file to qa/warehouse/ and send alumni.csv."
    )


def test_the_other_environment_of_another_customer_is_never_looked_into(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    installation.customer("wwu").deliver("gifts.csv")
    installation.caller("wwu", Environment.PRODUCTION).deliver("gifts.csv")
    error = refusal(client, caller, "gifts.csv")
    assert error.endswith("Upload it first, then call the webhook again.")


@pytest.mark.parametrize(
    "filename", ["reports/warehouse/F.csv", "/reports/warehouse/F.csv", "production/reports/F.csv"]
)
def test_a_rejection_report_is_neither_suggested_nor_looked_for_elsewhere(
    client: TestClient, installation: Installation, caller: Caller, filename: str
) -> None:
    """A QA key once learned which reports production has."""
    production = installation.caller("iqu", Environment.PRODUCTION)
    for folder in ("reports", "reports/warehouse"):
        production.deliver(f"{folder}/F.csv")
    caller.deliver("reports/warehouse/G.csv")
    error = refusal(client, caller, filename)
    assert "A file called" not in error
    assert "Did you mean" not in error


@pytest.mark.parametrize(
    ("stored", "sent", "written"),
    [
        (NFD, NFC, "the name in the bucket has accents as characters"),
        (NFC, NFD, "the name in the bucket has each accented letter"),
        (NFD, f"qa/warehouse/{NFC}", "the name in the bucket has accents"),
        (NFD, f"/{NFC}", "the name in the bucket has accents"),
        ("\u00c5.csv", ANGSTROM, "you sent uses other characters that look the same"),
    ],
)
def test_a_name_that_only_looks_the_same_is_explained_in_words(
    client: TestClient, caller: Caller, stored: str, sent: str, written: str
) -> None:
    """Names from macOS are in NFD, those from most other systems in NFC."""
    caller.deliver(stored)
    error = refusal(client, caller, sent)
    assert "A file whose name looks the same is there" in error
    assert written in error
    assert f"in JSON {json.dumps(stored)}, or" in error
    # Whoever uploads the file instead never needs the folder in its name.
    assert error.endswith(f"in JSON {json.dumps(sent.rpartition('/')[2])}.")
    assert call(client, caller, filename=stored).status_code == 200


def test_every_other_problem_of_the_call_is_reported_beside_the_filename(
    client: TestClient, caller: Caller
) -> None:
    response = call(client, caller, filename="/warehouse.csv", notifyEmail="you")
    assert len(errors(response)) == 2
