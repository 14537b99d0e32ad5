"""The operations of the API, each described once: routes and OpenAPI document follow from this."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.rejection_report import MAX_SHEET_ROWS, ReportFormat
from webhook_gateway.api import models
from webhook_gateway.http.downloads import MEDIA_TYPES
from webhook_gateway.services.load_queries import MAX_PAGE_SIZE

EXAMPLE = models.JOB_ID


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the URL; one in the path is required, one in the query never is."""

    name: str
    description: str
    schema: dict[str, object]
    example: object
    location: str = "query"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; `handler_name` names the method of Endpoints that answers it."""

    method: str
    path: str
    handler_name: str
    summary: str
    response: type[BaseModel] | str | tuple[str, ...]
    """A model, or the media type, or types, of an answer that is none."""
    parameters: Sequence[Parameter] = ()
    error_codes: Sequence[int] = ()


def _in_path(name: str, description: str, example: str) -> Parameter:
    return Parameter(name, description, {"type": "string"}, example, "path")


_JOB = _in_path("job", "A job's name.", "warehouse")
_LOAD = _in_path("job_id", "The jobId that the webhook answered with.", EXAMPLE)
_NOTICE = _in_path("notification", "The id of one of the load's notifications.", f"msg_{EXAMPLE}-1")
_TEXT: dict[str, object] = {"type": "string"}

OPERATIONS: Sequence[Operation] = (
    Operation("GET", "/jobs", "jobs", "List the jobs of this key", models.JobList),
    Operation(
        "GET",
        "/jobs/{job}/field-map.json",
        "field_map_json",
        "A job's field map as a Frictionless Data Resource",
        "application/json",
        (_JOB,),
        (400, 403, 404),
    ),
    Operation(
        "GET",
        "/jobs/{job}/field-map.html",
        "field_map_html",
        "A job's field map for people",
        "text/html",
        (_JOB,),
        (400, 403, 404),
    ),
    Operation(
        "GET",
        "/jobs/{job}/field-map.csv",
        "field_map_csv",
        "A CSV file to start from: header and sample rows",
        "text/csv",
        (_JOB,),
        (400, 403, 404),
    ),
    Operation(
        "GET",
        "/loads",
        "loads",
        "List loads, newest first",
        models.LoadList,
        (
            Parameter("job", "Only of this job.", _TEXT, "warehouse"),
            Parameter(
                "state",
                "Only in this state.",
                {"type": "string", "enum": [state.value for state in LoadState]},
                "failed",
            ),
            Parameter(
                "most",
                "How many at most.",
                {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": 50},
                20,
            ),
            Parameter(
                "before",
                "Where to go on: follow `next` of the answer before.",
                {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
                1_000,
            ),
        ),
        (400, 403),
    ),
    Operation(
        "GET", "/loads/{job_id}", "load", "Show one load whole", models.LoadDetail, (_LOAD,), (404,)
    ),
    Operation(
        "GET",
        "/loads/{job_id}/report",
        "report",
        "Fetch a load's rejection report: its rejected rows as sent, and what is wrong with each",
        (MEDIA_TYPES[ReportFormat.CSV], MEDIA_TYPES[ReportFormat.XLSX]),
        (
            _LOAD,
            Parameter(
                "format",
                "A CSV file in the form of the file that was sent, or an Excel workbook of its "
                f"first {MAX_SHEET_ROWS:,} rows.",
                {
                    "type": "string",
                    "enum": [report_format.value for report_format in ReportFormat],
                    "default": "csv",
                },
                "csv",
            ),
        ),
        (400, 404),
    ),
    Operation(
        "POST",
        "/loads/{job_id}/cancel",
        "cancel",
        "End a load that has not begun; it is told as FAILED",
        models.LoadSummary,
        (_LOAD,),
        (404, 409),
    ),
    Operation(
        "POST",
        "/loads/{job_id}/repeat",
        "repeat",
        "Load what another load read once more, as a load of its own",
        models.LoadSummary,
        (_LOAD,),
        (404, 409),
    ),
    Operation(
        "POST",
        "/loads/{job_id}/notifications/{notification}/resend",
        "resend",
        "Send a notification again, with the same id and bytes",
        models.LoadDetail,
        (_LOAD, _NOTICE),
        (404, 409),
    ),
    Operation(
        "GET",
        "/self-test",
        "test",
        "Look whether a call would be accepted; nothing is queued, and nothing is sent",
        models.SelfTest,
        (
            Parameter("filename", "A file to look for.", _TEXT, "warehouse.csv"),
            Parameter(
                "notifyWebhook", "A callback URL to look at.", _TEXT, "https://hooks.example.edu/a"
            ),
        ),
        (400,),
    ),
    Operation("GET", "/keys", "key_list", "List this environment's API keys", models.KeyList),
    Operation(
        "GET",
        "/index.cfm/exchange",
        "exchange",
        "Exchange the key for a fresh one; the old one goes on for two weeks",
        models.NewKey,
        (Parameter("emailaddress", "Whom to warn before it expires.", _TEXT, "feeds@example.edu"),),
        (400, 409),
    ),
    Operation(
        "POST",
        "/index.cfm/aws/accesskey",
        "access_key",
        "Fetch the newest S3 key of this environment, by one that works now",
        models.S3KeyPair,
        (
            Parameter("accessKeyId", "The S3 key that you use now.", _TEXT, "AKIAIOSFODNN7EXAMPLE"),
            Parameter("emailaddress", "Whom to tell of new ones.", _TEXT, "feeds@example.edu"),
        ),
        (400, 403, 404),
    ),
)
