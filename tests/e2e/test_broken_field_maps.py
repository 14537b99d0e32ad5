"""A broken field map among good ones, on a running installation: from POST to callback."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.settings import REPOSITORY
from tests.e2e.stack import FEED, Stack, running_stack
from tests.strict_catalog import read_catalog

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BROKEN_LATER = "warehouse-designations"
BROKEN_FROM_THE_START = "warehouse-b"
BROKEN = "name: [unclosed\n"
LOOKUPS = '"list","code","description","sortOrder","isActive"\n"unit","AS","Arts","1","true"\n'


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of field maps, one of them broken before anything starts."""
    folder = tmp_path_factory.mktemp("schemas") / "schemas"
    shutil.copytree(REPOSITORY / "schemas", folder)
    (folder / f"{BROKEN_FROM_THE_START}.yaml").write_text(BROKEN, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, schemas: Path) -> Iterator[Stack]:
    """Run an installation with those field maps."""
    with running_stack(tmp_path_factory.mktemp("maps") / "var", schemas) as running:
        yield running


def deliver(stack: Stack, name: str, feed: str) -> str:
    """Deliver a good file and return how its load ended."""
    if feed == FEED:
        stack.put(name, LOOKUPS)
    else:
        catalog = read_catalog(REPOSITORY / "schemas")
        stack.put(name, template(catalog.feed(feed), catalog))
    return str(stack.wait_for_callback(stack.post(name, feed), seconds=90)["status"])


def kinds(stack: Stack) -> list[Kind]:
    """Return the kinds of the incidents that are open."""
    return [incident.condition.kind for incident in stack.ledger.incidents.list_open()]


def call(stack: Stack, job: str) -> httpx.Response:
    """Call a webhook for a file that is in the bucket."""
    url = f"{stack.settings.gateway_url}/api/v1/index.cfm/webhook/{job}"
    return httpx.post(url, json={"apiKey": stack.key, "filename": "lookups.csv"}, timeout=30)


def test_the_other_feeds_load_and_the_broken_one_is_unavailable(stack: Stack) -> None:
    assert deliver(stack, "lookups.csv", FEED) == "SUCCESS"
    response = call(stack, BROKEN_FROM_THE_START)
    assert response.status_code == 503
    assert "fault in our configuration" in response.json()["errors"][0]


def test_staff_are_notified_once_of_the_broken_file_and_its_line(stack: Stack) -> None:
    mail = stack.wait_for(
        "the mail to staff",
        lambda: [
            text
            for path in stack.settings.mail_dir.glob("*opened*.eml")
            if "warehouse-b.yaml, line 2" in (text := path.read_text(encoding="utf-8"))
        ],
        seconds=120,
    )
    assert len(mail) == 1
    assert kinds(stack) == [Kind.FIELD_MAP_BROKEN]


def test_a_map_that_breaks_while_loads_run_leaves_its_last_good_version_in_force(
    stack: Stack, schemas: Path
) -> None:
    assert deliver(stack, "designations-1.csv", BROKEN_LATER) == "SUCCESS"
    (schemas / f"{BROKEN_LATER}.yaml").write_text(BROKEN, encoding="utf-8")
    assert deliver(stack, "lookups-2.csv", FEED) == "SUCCESS"
    assert deliver(stack, "designations-2.csv", BROKEN_LATER) == "SUCCESS"
    stack.wait_for("the second incident", lambda: len(kinds(stack)) == 2, seconds=120)


def test_the_last_good_version_is_in_force_after_a_restart_too(stack: Stack) -> None:
    for program in ("gateway", "daemon"):
        stack.kill(program)
    stack.start_gateway()
    stack.start_daemon()
    assert deliver(stack, "lookups-3.csv", FEED) == "SUCCESS"
    assert deliver(stack, "designations-3.csv", BROKEN_LATER) == "SUCCESS"


def test_the_incident_is_over_once_the_good_map_is_in_force(stack: Stack, schemas: Path) -> None:
    for feed in (BROKEN_LATER, BROKEN_FROM_THE_START):
        shutil.copy(REPOSITORY / "schemas" / f"{feed}.yaml", schemas)
    for program in ("gateway", "daemon"):
        stack.kill(program)
    stack.start_gateway()
    stack.start_daemon()
    stack.wait_for("the end of the incidents", lambda: not kinds(stack), seconds=120)
    assert deliver(stack, "b.csv", BROKEN_FROM_THE_START) == "SUCCESS"
