"""The rows that mails, API, pages and ledger report are those of the file that was sent."""

import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Self

import httpx

from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.target import Target
from tests.chaos.evidence import Evidence
from tests.chaos.notices import OUTCOME_ID
from tests.chaos.summary import ChaosSummary
from tests.chaos.system import System

MAIL_ROWS = re.compile(
    r"Rows read: ([\d,]+)\s+Rows (?:published|accepted): ([\d,]+)\s+Rows rejected: ([\d,]+)"
)
PAGE_ROWS = re.compile(
    r"<b>([\d,]+)</b> read.*?<b>([\d,]+)</b> (?:published|accepted).*?<b>([\d,]+)</b> rejected",
    re.DOTALL,
)


def check_reported_counts(evidence: Evidence, system: System, summary: ChaosSummary) -> None:
    """Find successes that some report describes with other numbers than their file's."""
    mails = _mails(system.settings.mail_dir)
    with _Pages(system) as pages:
        for load in evidence.loads:
            if load.state is LoadState.SUCCEEDED:
                reports = {"ledger": load.counts, **pages.reports(load)}
                if load.request.notify_email:
                    reports["mail"] = _counts(MAIL_ROWS.search(mails.get(load.job_id, "")))
                _compare(evidence, load, reports, summary)


def _compare(
    evidence: Evidence, load: Load, reports: dict[str, Counts | None], summary: ChaosSummary
) -> None:
    sent = evidence.file_of(load).counts
    # A superseded load may not have been checked, and then nothing may be said of its rows.
    is_silent = evidence.is_superseded(load) and not any(reports.values())
    for name, counts in reports.items():
        if counts != sent and not is_silent:
            text = f"{name} says {counts} of {sent}: {evidence.describe(load)}"
            summary.breach("untrue", text)
    summary.counts["reports"] += len(reports)


def _mails(folder: Path) -> dict[str, str]:
    """Return the texts of the mails about outcomes, by job id."""
    found = {}
    for path in folder.glob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        outcome = OUTCOME_ID.match(str(message["Message-ID"]))
        body = message.get_body(("plain",))
        if outcome and body:
            found[outcome.group(1)] = str(body.get_content())
    return found


def _counts(found: re.Match[str] | None) -> Counts | None:
    if found is None:
        return None
    read, accepted, rejected = (int(number.replace(",", "")) for number in found.groups())
    return Counts(read, accepted, rejected)


class _Pages:
    """The gateway as customers see it: API and pages, one client for each key."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._clients: dict[Target, httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for client in self._clients.values():
            client.close()

    def reports(self, load: Load) -> dict[str, Counts | None]:
        """Return the counts of a load that the API and its page report."""
        client, key = self._client(load.target), self._system.keys[load.target]
        bearer = {"Authorization": f"Bearer {key}"}
        answer = client.get(f"/api/v1/loads/{load.job_id}", headers=bearer).raise_for_status()
        rows = answer.json()["rows"]
        page = client.get(f"/loads/{load.job_id}").raise_for_status().text
        return {
            "API": rows and Counts(rows["read"], rows["accepted"], rows["rejected"]),
            "page": _counts(PAGE_ROWS.search(page)),
        }

    def _client(self, target: Target) -> httpx.Client:
        """Return a client that is signed in with the target's key."""
        if target not in self._clients:
            url = self._system.settings.gateway_url
            client = httpx.Client(base_url=url, follow_redirects=True, timeout=30)
            self._clients[target] = client
            client.post("/sign-in", data={"key": self._system.keys[target]}).raise_for_status()
        return self._clients[target]
