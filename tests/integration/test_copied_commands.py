"""What is shown for people to copy does what it says, whatever names are in it."""

import html
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.shell import (
    curl_post,
    posix_command,
    posix_text,
    powershell_post,
    powershell_text,
)
from tests import powershell
from tests.servers.gateway import Caller, GatewayProcess
from tests.servers.receiver import Receiver, serve

SHELLS = ("sh", "bash")
HOSTILE = (
    "x'; touch pwned; echo '.csv",
    "$(touch pwned).csv",
    "`touch pwned`.csv",
    '"; touch pwned; echo ".csv',
    "a\\' touch pwned '.csv",
    "x\ntouch pwned\n.csv",
    "x\r\ntouch pwned",
    "@/etc/hostname",
    "-o pwned",
    "=ls ~ !! !:s/x/y/ * ? [a-z] {a,b} | & > pwned",
    "\u2018; touch pwned; \u2019\u201a\u201b'",
    "'\u2018'\u2019;ni pwned;'",
    "\u202egpj.vsc",
    "\x1b[201~touch pwned\n",
    "\x7f\x85\u2028\ufeff",
    "\U000e0041\U0001f4c4.csv",
    "Fakult\u00e4t 2026.csv",
    "",
)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text("'\"`$()\\;&|<>!\n \u2018\u2019\u201a\u201b@{}=~-", max_size=40),
)
PATHS = st.text("abcXYZ019-._~!$&'()*+,;=:@/?", max_size=30)
few = settings(max_examples=40, deadline=None)


def run(shell: str, command: str) -> bytes:
    """Run a command as it is pasted, in an empty folder, and return what it prints."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [shell], input=command.encode(), cwd=folder, capture_output=True, timeout=20, check=True
        )
        assert list(Path(folder).iterdir()) == []
        return done.stdout


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    """Receive what the commands post."""
    with serve() as running:
        yield running


@pytest.mark.parametrize("shell", SHELLS)
@few
@given(words=st.lists(TEXTS.map(lambda text: text.replace("\0", "")), max_size=4))
def test_every_word_of_a_command_reaches_its_program_as_it_is(shell: str, words: list[str]) -> None:
    printed = run(shell, posix_command("printf", r"%s\0", *words, "end"))
    assert printed.decode("utf-8", "surrogatepass").split("\0") == [*words, "end", ""]


@pytest.mark.parametrize("shell", SHELLS)
@few
@given(filename=TEXTS, email=TEXTS, key=TEXTS, path=PATHS)
def test_the_curl_command_posts_what_was_meant_and_does_nothing_else(
    shell: str, collector: Receiver, filename: str, email: str, key: str, path: str
) -> None:
    body = {"apiKey": key, "filename": filename, "notifyEmail": email}
    before = len(collector.received)
    command = curl_post(f"{collector.url}/x{path}", body)
    run(shell, command.replace("curl ", "curl --silent --show-error --path-as-is ", 1))
    [received] = collector.received[before:]
    assert json.loads(received.body) == body
    assert received.path == f"/x{path}"
    assert received.headers["content-type"] == "application/json"


@few
@given(filename=TEXTS, email=TEXTS, key=TEXTS, url=TEXTS)
def test_the_powershell_command_is_one_cmdlet_with_the_values_that_were_meant(
    filename: str, email: str, key: str, url: str
) -> None:
    body = {"apiKey": key, "filename": filename, "notifyEmail": email}
    assert powershell.read(powershell_post(url, body)) == (
        "Invoke-RestMethod",
        {
            "-Method": "Post",
            "-Uri": url,
            "-ContentType": "application/json; charset=utf-8",
            "-Headers": {"Accept-Encoding": "identity"},
            "-Body": body,
        },
    )


@few
@given(text=TEXTS)
def test_no_command_holds_what_cannot_be_seen(text: str) -> None:
    assert powershell_text(text).isprintable()
    shown = curl_post("http://127.0.0.1/", {"filename": text})
    assert shown.replace("\n", "").isprintable()


def test_typographic_quotes_are_doubled_as_powershell_itself_does() -> None:
    # [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent
    shown = powershell_text("O\u2019Neil \u2018a\u2019 \u201ab\u201b 'c'")
    assert shown == "'O\u2019\u2019Neil \u2018\u2018a\u2019\u2019 \u201a\u201ab\u201b\u201b ''c'''"


def test_plain_words_stay_as_they_are_typed() -> None:
    assert posix_command("alumniq", "load", "show", "F6494FE4-8642") == (
        "alumniq load show F6494FE4-8642"
    )
    assert posix_text("plain") == "'plain'"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "filename",
    [
        "x'; touch pwned; echo '.csv",
        '"$(touch pwned)`touch pwned`".csv',
        "\u2018; ni pwned; \u2019 \u00fc & <b>.csv",
    ],
)
def test_the_webhooks_page_shows_commands_that_load_a_file_of_any_name(
    gateway: GatewayProcess, caller: Caller, shell: str, filename: str
) -> None:
    caller.deliver(filename)
    with httpx.Client(base_url=gateway.url, trust_env=False, follow_redirects=True) as browser:
        posted = browser.post(
            "/api/v1/index.cfm/webhook/warehouse",
            json={"apiKey": caller.key, "filename": filename},
        )
        assert posted.status_code == 200, posted.text
        assert browser.post("/sign-in", data={"key": caller.key}).status_code == 200
        page = browser.get("/webhooks").text
    shown = {
        kind: html.unescape(
            re.findall(rf'aria-label="{kind} command of warehouse">([^<]+)<', page)[0]
        )
        for kind in ("curl", "PowerShell")
    }
    response = json.loads(run(shell, shown["curl"].replace("YOUR-KEY", caller.key)))
    assert (response["job"], response["filename"]) == ("warehouse", filename)
    assert [load.request.filename for load in caller.installation.loads()] == [filename] * 2
    expected = {"apiKey": "YOUR-KEY", "filename": filename, "notifyEmail": "you@example.edu"}
    assert powershell.read(shown["PowerShell"])[1]["-Body"] == expected
