"""The dashboard and the alert rules name metrics that there are, and the alerts have runbooks."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from typer.main import get_command

from alumniq_pipelines.cli.main import app
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.servers.gateway import NOW, Caller, Installation, call
from tests.system_programs import require_program

MONITORING = REPOSITORY / "deploy" / "monitoring"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))[
    "groups"
][0]["rules"]
PANELS: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))[
    "panels"
]
QUERIES = [
    *((rule["alert"], rule["expr"]) for rule in RULES),
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel.get("targets", ())),
]
OF_PROMETHEUS = {"up": {"job": {"alumniq-gateway"}}}
"""Series that Prometheus itself makes of each scrape."""
ADDED_LABELS = {"instance", "job"}
"""Labels that Prometheus adds to each series."""
PATTERNS = {"status", "route"}
"""Labels that queries match by patterns."""
GRAFANA_VARIABLES = {"${datasource}"}


@dataclass
class Page:
    """The series of a metrics page: by name, the values of each label."""

    text: str
    labels: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                known = self.labels.setdefault(sample.name, {})
                for name, value in sample.labels.items():
                    known.setdefault(name, set()).add(value)


@pytest.fixture
def page(client: TestClient, caller: Caller, installation: Installation) -> Page:
    """Return the metrics page of a gateway that has been called, whose daemon has ticked."""
    call(client, caller)
    for sensor in ("load_requests", "reconcile", "notifications", "partitions", "holds", "silence"):
        installation.ledger.ticks.record(sensor, NOW)
    history = client.get("/metrics").text
    assert "alumniq_ledger_up 1.0" in history
    return Page(history)


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """Return the selectors of series in a query."""
    nodes = _nodes(promql_parser.parse(expression))
    return [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        child = getattr(node, name, None)
        if child is not None:
            yield from _nodes(child)
    for child in getattr(node, "args", ()):
        yield from _nodes(child)


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=lambda text: text[:50])
def test_a_query_names_series_and_labels_of_the_metrics_page(
    where: str, query: str, page: Page
) -> None:
    del where
    series = page.labels | OF_PROMETHEUS
    # Appear with the first load whose file was checked, or that succeeds.
    series["alumniq_load_step_seconds_bucket"] = {"step": set(), "le": set()}
    series["alumniq_last_success_timestamp_seconds"] = {
        "environment": {"qa", "production"},
        "feed": set(),
    }
    found = selectors(query)
    assert found
    for selector in found:
        assert selector.name in series
        for matcher in selector.matchers.matchers if selector.matchers else ():
            assert matcher.name in series[selector.name]
            known = series[selector.name][matcher.name]
            if matcher.name not in PATTERNS:
                assert set(matcher.value.split("|")) <= known
    labels = {name for labels in series.values() for name in labels} | ADDED_LABELS
    grouped = re.findall(r"\bby \(([^)]*)\)", query)
    assert {name.strip() for group in grouped for name in group.split(",")} <= labels


def test_names_and_units_are_as_prometheus_wants_them(page: Page) -> None:
    promtool = require_program("prometheus", "promtool")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page.text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert all(name.startswith("alumniq_") for name in page.labels)


def test_each_metric_is_described(page: Page) -> None:
    described = set(
        re.findall(
            r"^\| `(alumniq_\w+)",
            (REPOSITORY / "docs" / "monitoring.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )
    on_the_page = {
        re.sub(r"_(bucket|count|sum|created)$", "", name)
        for name in page.labels
        if not name.endswith("_created")
    }
    assert described == on_the_page | {
        "alumniq_load_step_seconds",
        "alumniq_last_success_timestamp_seconds",
    }


def test_prometheus_accepts_the_rules_and_they_fire_when_they_should() -> None:
    promtool = require_program("prometheus", "promtool")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(
            [promtool, *command], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_both_firing_and_silent() -> None:
    tests = yaml.safe_load((MONITORING / "alerts.test.yml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    linked = {REPOSITORY / rule["annotations"]["runbook_url"]: rule["alert"] for rule in RULES}
    assert set(linked) == set(RUNBOOKS.glob("*.md"))
    for path, alert in linked.items():
        text = path.read_text("utf-8")
        assert text.startswith(f"# {alert}\n")
        assert "\n## Look\n" in text
        assert "\n## Fix\n" in text


RUNBOOK_PAGES = sorted(RUNBOOKS.glob("*.md"))


@pytest.mark.parametrize("page_path", RUNBOOK_PAGES, ids=lambda path: path.stem)
def test_a_runbook_names_commands_and_settings_that_there_are(page_path: Path) -> None:
    text = page_path.read_text("utf-8")
    settings = {f"ALUMNIQ_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"ALUMNIQ_\w+", text)) <= settings
    root: Any = get_command(app)
    for shown in re.findall(r"`alumniq ([^`@]+)`", text):
        command, words = root, shown.split()
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, shown
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_the_dashboard_says_what_each_panel_shows_and_where_it_gets_it() -> None:
    panels = [panel for panel in PANELS if panel["type"] != "row"]
    assert all(panel["description"] and panel["title"] for panel in panels)
    assert {panel["datasource"]["uid"] for panel in panels} == GRAFANA_VARIABLES
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
