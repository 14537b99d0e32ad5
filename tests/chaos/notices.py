"""Every customer is notified of an outcome by one callback and one mail, and both are true."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from alumniq_pipelines.core.loads.load import Load, LoadState
from tests.chaos.evidence import Evidence
from tests.chaos.summary import ChaosSummary
from tests.servers.receiver import Received

OUTCOME_ID = re.compile(r"<msg_([0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{16})-\d+\b")
"""Other mails about a load, such as that it is held, have a word before the number."""


def check_notices(
    evidence: Evidence, received: Sequence[Received], mail_dir: Path, summary: ChaosSummary
) -> None:
    """Find loads whose customer was notified of no outcome, of two, or of another one."""
    callbacks: dict[str, list[Received]] = defaultdict(list)
    for callback in received:
        callbacks[json.loads(callback.body)["jobId"]].append(callback)
    mails = Counter(
        found.group(1)
        for path in mail_dir.glob("*.eml")
        if (found := OUTCOME_ID.search(path.read_text(encoding="utf-8", errors="replace")))
    )
    for load in evidence.loads:
        if load.is_final and load.request.notify_webhook:
            _check_load(evidence, load, callbacks[load.job_id], mails[load.job_id], summary)


def _check_load(
    evidence: Evidence, load: Load, received: list[Received], mails: int, summary: ChaosSummary
) -> None:
    if not received or not mails:
        text = f"{evidence.describe(load)}: {len(received)} callbacks, {mails} mails"
        summary.breach("lost", text)
    ids = {callback.headers["webhook-id"] for callback in received}
    bodies = {callback.body for callback in received}
    if len(ids) > 1 or len(bodies) > 1 or mails > 1:
        text = f"{evidence.describe(load)} was notified as {ids}, {bodies}, {mails} mails"
        summary.breach("doubled", text)
    summary.counts["repeated"] += max(0, len(received) - 1)
    statuses = {json.loads(body)["executionCompleted"] for body in bodies}
    if statuses - {load.state is LoadState.SUCCEEDED}:
        text = f"{evidence.describe(load)}, and its customer received {statuses}"
        summary.breach("wrong", text)
