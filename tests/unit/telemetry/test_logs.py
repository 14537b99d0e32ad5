"""JSON logs: one line per record, with whom it is about, whichever program logs it."""

import json
import logging
import re
import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.cli.log_lines import json_line
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.defs.program_logs import METADATA, fields_of_run
from alumniq_pipelines.defs.tags import tags_of
from alumniq_pipelines.telemetry.log_fields import RECORD_FIELDS, bind_fields, load_fields
from alumniq_pipelines.telemetry.logs import json_formatter
from tests.servers.gateway import NOW

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TWO_LINES = "two\nlines"
LOAD = Load(
    number=1,
    request=LoadRequest(
        new_job_id(), Target("iqu", Environment.QA, "warehouse"), "secret.csv", None, None
    ),
    state=LoadState.QUEUED,
    attempts=0,
    accepted_at=NOW,
)


def formatted(record: logging.LogRecord, formatter: logging.Formatter | None = None) -> Any:
    line = (formatter or json_formatter()).format(record)
    assert "\n" not in line
    return json.loads(line)


def record_of(message: str, **attributes: object) -> logging.LogRecord:
    known = {"msg": message, "name": "a.b", "levelname": "ERROR"}
    return logging.makeLogRecord({**known, **attributes})


def test_a_record_has_a_time_a_level_a_logger_and_a_message() -> None:
    found = formatted(record_of("Of %s", args=("us",)))
    assert TIME.fullmatch(found.pop("time"))
    assert found == {"level": "ERROR", "logger": "a.b", "message": "Of us"}


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError(TWO_LINES)  # noqa: TRY301 - what it raises is the point
    except ValueError:
        found = formatted(record_of("Failed", exc_info=sys.exc_info()))
    assert found["message"] == "Failed"
    assert found["exc_info"].endswith("ValueError: two\nlines")


@given(st.text())
def test_any_message_is_one_line(text: str) -> None:
    assert formatted(record_of(text))["message"] == text


def test_a_line_within_a_load_names_it_and_not_its_file() -> None:
    with bind_fields(load_fields(LOAD)), bind_fields({"attempt": 2}):
        found = formatted(record_of("Loaded"))
    target = {"customer": "iqu", "environment": "qa", "feed": "warehouse"}
    assert {name: found[name] for name in target} == target
    assert (found["job_id"], found["attempt"]) == (LOAD.job_id, 2)
    assert "secret.csv" not in json.dumps(found)
    assert "job_id" not in formatted(record_of("Later"))


def test_what_a_library_adds_to_a_record_stays_out() -> None:
    found = formatted(record_of("Sent", url="https://example.org/key", **{RECORD_FIELDS: {"n": 1}}))
    assert found["n"] == 1
    assert "url" not in found


def test_a_record_of_a_run_names_the_run_and_its_load() -> None:
    metadata = {"run_id": "run-1", "step_key": None, "job_tags": tags_of(LOAD, 1)}
    record = record_of("Started", **{METADATA: metadata})
    found = formatted(record, json_formatter(fields_of_run))
    assert (found["run_id"], found["job_id"]) == ("run-1", LOAD.job_id)
    assert (found["customer"], found["environment"]) == ("iqu", "qa")
    assert "step" not in found


@given(st.text(alphabet=st.characters(exclude_characters="\n")))
def test_any_output_of_a_program_is_a_record_of_it(line: str) -> None:
    found = json.loads(json_line("gateway", line))
    assert (found["program"], found["message"]) == ("gateway", line)
    assert TIME.fullmatch(found["time"])


def test_a_record_of_a_program_gets_its_name_and_stays_the_same() -> None:
    record = json_formatter().format(record_of("Hello"))
    found = json.loads(json_line("Dagster daemon", record))
    assert found == {"program": "Dagster daemon", **json.loads(record)}


PROGRAM = """
import logging, warnings
from alumniq_pipelines.defs.program_logs import configure_program_logs
from alumniq_pipelines.settings import Settings
from dagster._utils.log import configure_loggers
import dagster._loggers as loggers
import dagster as dg

configure_program_logs(Settings(log_format="json"))
configure_loggers(formatter="colored", log_level="WARNING")
logging.getLogger("dagster.daemon").warning("of Dagster")
logging.getLogger("dagster.daemon").info("too quiet")
logging.getLogger("alumniq_pipelines.x").warning("of ours")
logging.getLogger("httpx").info("GET https://example.org/key")
warnings.warn("of Python")

@dg.op
def say(context):
    context.log.info("of a run")

@dg.job
def talk():
    say()

with dg.DagsterInstance.ephemeral() as instance:
    talk.execute_in_process(instance=instance, tags={"alumniq/job_id": "J-1"})
raise ValueError("at the end")
"""


def test_whatever_a_program_of_dagster_logs_is_one_line_of_json_and_printed_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    records = [json.loads(line) for line in lines]
    messages = [record["message"] for record in records]
    for expected in ("of Dagster", "of ours"):
        assert messages.count(expected) == 1
    assert not [message for message in messages if "too quiet" in message or "httpx" in message]
    assert [record for record in records if "UserWarning: of Python" in record["message"]]
    [run] = [record for record in records if record["message"].endswith("of a run")]
    assert (run["job_id"], run["step"], run["logger"]) == ("J-1", "say", "dagster")
    assert records[-1]["level"] == "CRITICAL"
    assert records[-1]["exc_info"].endswith("ValueError: at the end")
    assert done.returncode == 1
