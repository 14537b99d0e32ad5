"""Where the result of a delivery attempt is shown: the same sentence, and its code for programs."""

import html
import json
from datetime import timedelta

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import Audience, DeliveryResult
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.core.problems.delivery import explain_call
from alumniq_pipelines.services.monitor import run_monitoring
from tests.page_visits import sign_in
from tests.servers.gateway import NOW, Caller, Installation, call


@pytest.mark.parametrize("stored", ["tls-expired", "no-answer 15", "HTTP 503", "ConnectError"])
def test_all_who_look_at_a_delivery_read_the_same_sentence_and_programs_its_code(
    client: TestClient,
    installation: Installation,
    catalog: Catalog,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
    stored: str,
) -> None:
    job_id = call(client, caller, notifyWebhook="https://hooks.example.edu/a").json()["jobId"]
    ledger = installation.ledger
    load = ledger.loads.get(JobId(job_id))
    assert load
    outcome = Outcome(LoadState.FAILED, ("The file is empty.",))
    ledger.loads.end(load.job_id, outcome, notices_for(load, outcome), NOW)
    [due] = ledger.notifications.claim(NOW, timedelta(minutes=1))
    result = DeliveryResult(delivered=False, detail=stored, permanent=True)
    ledger.notifications.record(due, result, NOW)
    problem = explain_call(stored)

    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(installation.settings.data_dir))
    for command in (("notification", "show", due.id), ("load", "show", job_id)):
        assert str(problem) in CliRunner().invoke(app, command).stdout
        shown = json.loads(CliRunner().invoke(app, (*command, "--json")).stdout)
        shown = shown if "delivery_attempts" in shown else shown["notifications"][0]
        [attempt] = shown["delivery_attempts"]
        assert (attempt["code"], attempt["detail"]) == (problem.code, str(problem))

    bearer = {"Authorization": f"Bearer {caller.key}"}
    answer = client.get(f"/api/v1/loads/{job_id}", headers=bearer).json()
    [attempt] = answer["notifications"][0]["attempts"]
    assert (attempt["code"], attempt["detail"]) == (problem.code, str(problem))

    sign_in(client, caller.key)
    for page in ("/notifications", f"/loads/{job_id}"):
        assert str(problem) in html.unescape(client.get(page).text)

    staff = Staff(mail_recipients(("ops@example.org",)))
    run_monitoring(ledger, installation.buckets, catalog, staff, NOW)
    [mail] = ledger.notifications.claim(NOW, timedelta(minutes=1))
    assert mail.notice.audience is Audience.STAFF
    assert str(problem) in mail.notice.body
