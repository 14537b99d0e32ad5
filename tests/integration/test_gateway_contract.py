"""The contract's samples, sent by real curl to a real uvicorn."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.servers.gateway import Caller, GatewayProcess

HOOKS = "/api/v1/index.cfm/webhook"
JOB_ID = "F6494FE4-8642-4F2E-A87DF336916CC246"


def curl(*arguments: str) -> tuple[int, str]:
    """Send a call and return status and body."""
    result = subprocess.run(
        ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    body, _, status = result.stdout.rpartition("\n")
    return int(status), body


def as_sent(**options: str) -> str:
    """Format a body as in the documentation."""
    return json.dumps(options, indent=2)


def without_id(body: str) -> str:
    """Replace the job id, which must have the documented format, with the documented one."""
    response: dict[str, Any] = json.loads(body)
    assert len(response["jobId"]) == len(JOB_ID)
    assert [len(part) for part in response["jobId"].split("-")] == [8, 4, 4, 16]
    assert set(response["jobId"]) <= set("0123456789ABCDEF-")
    return body.replace(response["jobId"], JOB_ID)


def compact(sample: dict[str, Any]) -> str:
    """Format a sample as it is sent: keys in the same order, without blanks."""
    return json.dumps(sample, separators=(",", ":"))


def test_the_sample_calls_get_the_sample_responses(gateway: GatewayProcess, caller: Caller) -> None:
    caller.deliver("warehouse-membership-summary.csv")

    unknown_job = curl(
        f"{gateway.url}{HOOKS}/sudo_make_me_a_sandwich",
        "--json",
        as_sent(apiKey=caller.key, filename="warehouse.csv"),
    )
    no_filename = curl(f"{gateway.url}{HOOKS}/warehouse", "--json", as_sent(apiKey=caller.key))
    status, body = curl(
        f"{gateway.url}{HOOKS}/warehouse-membership-summary",
        "--json",
        as_sent(
            apiKey=caller.key,
            filename="warehouse-membership-summary.csv",
            notifyEmail="you@example.edu",
        ),
    )

    assert unknown_job == (400, '{"errors":["Invalid Job Name: sudo_make_me_a_sandwich"]}')
    assert no_filename == (400, '{"errors":["Missing required option: Filename"]}')
    assert status == 200
    assert without_id(body) == compact(
        {
            "jobId": JOB_ID,
            "job": "warehouse-membership-summary",
            "filename": "warehouse-membership-summary.csv",
            "notificationSettings": {"emails": "you@example.edu", "webhook": ""},
        }
    )


def test_the_four_feeds_are_accepted_with_both_notifications(
    gateway: GatewayProcess, caller: Caller
) -> None:
    for job in ("warehouse", "warehouse-degrees", "warehouse-designations", "warehouse-lookups"):
        caller.deliver(f"{job}.csv")
        status, body = curl(
            f"{gateway.url}{HOOKS}/{job}",
            "--json",
            as_sent(
                apiKey=caller.key,
                filename=f"{job}.csv",
                notifyEmail="you@example.com",
                notifyWebhook="https://hooks.example.com/alumniq?token=t",
            ),
        )
        assert status == 200
        assert json.loads(body)["notificationSettings"] == {
            "emails": "you@example.com",
            "webhook": "https://hooks.example.com/alumniq?token=t",
        }

    assert len(caller.installation.loads()) == 4


WAYS_OF_SENDING = [
    """--data {"APIKEY":"<key>","FileName":"warehouse.csv"}""",
    """--header Content-Type:text/plain --data {"apikey":"<key>","FILENAME":"warehouse.csv"}""",
    """--header Content-Type:application/json --data apiKey=<key>&filename=warehouse.csv""",
    """--data-urlencode apiKey=<key> --data-urlencode filename=warehouse.csv""",
    """--form apiKey=<key> --form filename=warehouse.csv""",
    """--url-query apikey=<key> --json {"filename":"warehouse.csv"}""",
    """--url-query apikey=<key> --url-query filename=warehouse.csv --request POST""",
    """--oauth2-bearer <key> --json {"filename":"warehouse.csv"}""",
    """--oauth2-bearer another --json {"apiKey":"<key>","filename":"warehouse.csv"}""",
    """--http1.0 --json {"apiKey":"<key>","filename":"warehouse.csv"}""",
    """--compressed --json {"apiKey":"<key>","filename":"\\twarehouse.csv\\n"}""",
]


def test_every_way_of_sending_means_the_same(gateway: GatewayProcess, caller: Caller) -> None:
    for way in WAYS_OF_SENDING:
        status, body = curl(
            f"{gateway.url}{HOOKS}/warehouse", *way.replace("<key>", caller.key).split(" ")
        )

        assert (status, json.loads(body).get("filename")) == (200, "warehouse.csv"), way


def test_a_body_in_a_file_with_a_byte_order_mark_is_read(
    gateway: GatewayProcess, caller: Caller, tmp_path: Path
) -> None:
    """Editors and shells on Windows write such files."""
    body = tmp_path / "body.json"
    body.write_text(as_sent(apiKey=caller.key, filename="warehouse.csv"), encoding="utf-8-sig")

    status, _ = curl(f"{gateway.url}{HOOKS}/warehouse", "--data-binary", f"@{body}")

    assert status == 200
