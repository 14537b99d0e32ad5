"""The operations of the API, each described once: routes and the OpenAPI document use this list."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.rejection_report import MAX_SHEET_ROWS, ReportFormat
from webhook_gateway.api import models
from webhook_gateway.http.downloads import MEDIA_TYPES
from webhook_gateway.services.load_queries import MAX_PAGE_SIZE

TEXT: dict[str, object] = {"type": "string"}
PAGE_SIZE: dict[str, object] = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the URL: required if in the path, optional if in the query."""

    name: str
    description: str
    example: object
    schema: dict[str, object]
    location: str = "query"
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path; `handler_name` is the method of Endpoints that handles it."""

    method: str
    path: str
    handler_name: str
    summary: str
    response: type[BaseModel] | str | tuple[str, ...]
    """A model, or one or several media types of a response that is no model."""
    parameters: Sequence[Parameter] = ()
    error_codes: Sequence[int] = ()


JOB = Parameter(
    name="job",
    description="The name of a job.",
    example="warehouse",
    schema=TEXT,
    location="path",
)
LOAD = Parameter(
    name="job_id",
    description="The `jobId` from the webhook's response.",
    example=models.JOB_ID,
    schema=TEXT,
    location="path",
)
NOTIFICATION = Parameter(
    name="notification",
    description="The id of one of the load's notifications.",
    example=f"msg_{models.JOB_ID}-1",
    schema=TEXT,
    location="path",
)

OPERATIONS: Sequence[Operation] = (
    Operation(
        method="GET",
        path="/jobs",
        handler_name="jobs",
        summary="List your jobs",
        response=models.JobList,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/field-map.json",
        handler_name="field_map_json",
        summary="Get a job's field map as a Frictionless Data Resource",
        response="application/json",
        parameters=(JOB,),
        error_codes=(400, 404),
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/field-map.html",
        handler_name="field_map_html",
        summary="Show a job's field map as a page",
        response="text/html",
        parameters=(JOB,),
        error_codes=(400, 404),
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/field-map.csv",
        handler_name="field_map_csv",
        summary="Get a template for a job's file: header and sample rows",
        response="text/csv",
        parameters=(JOB,),
        error_codes=(400, 404),
    ),
    Operation(
        method="GET",
        path="/loads",
        handler_name="loads",
        summary="List loads, newest first",
        response=models.LoadList,
        parameters=(
            Parameter(
                name="job",
                description="Only loads of this job.",
                example="warehouse",
                schema=TEXT,
            ),
            Parameter(
                name="state",
                description="Only loads in this state.",
                example="failed",
                schema=TEXT | {"enum": [state.value for state in LoadState]},
            ),
            Parameter(
                name="limit",
                description="The maximum number of loads in the response.",
                example=20,
                schema=PAGE_SIZE | {"default": 50},
            ),
            Parameter(
                name="most",
                description="Deprecated: use `limit`, which takes precedence.",
                example=20,
                schema=PAGE_SIZE,
                is_deprecated=True,
            ),
            Parameter(
                name="before",
                description="Where the page starts; set in the `next` path of the previous page.",
                example=1_000,
                schema={"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
            ),
        ),
        error_codes=(400,),
    ),
    Operation(
        method="GET",
        path="/loads/{job_id}",
        handler_name="load",
        summary="Get a load in full",
        response=models.LoadDetail,
        parameters=(LOAD,),
        error_codes=(404,),
    ),
    Operation(
        method="GET",
        path="/loads/{job_id}/report",
        handler_name="report",
        summary="Download a load's rejection report: its rejected rows as sent, with the reasons",
        response=(MEDIA_TYPES[ReportFormat.CSV], MEDIA_TYPES[ReportFormat.XLSX]),
        parameters=(
            LOAD,
            Parameter(
                name="format",
                description="`csv` for a file in the same format as the file that was sent, `xlsx` "
                f"for an Excel workbook of its first {MAX_SHEET_ROWS:,} rows.",
                example="csv",
                schema=TEXT
                | {
                    "enum": [report_format.value for report_format in ReportFormat],
                    "default": "csv",
                },
            ),
        ),
        error_codes=(400, 404),
    ),
    Operation(
        method="POST",
        path="/loads/{job_id}/cancel",
        handler_name="cancel",
        summary="Cancel a load that is not finished",
        response=models.LoadSummary,
        parameters=(LOAD,),
        error_codes=(404, 409),
    ),
    Operation(
        method="POST",
        path="/loads/{job_id}/repeat",
        handler_name="repeat",
        summary="Load the same file again, as a new load",
        response=models.LoadSummary,
        parameters=(LOAD,),
        error_codes=(404, 409),
    ),
    Operation(
        method="POST",
        path="/loads/{job_id}/notifications/{notification}/resend",
        handler_name="resend",
        summary="Send a notification again, with the same id and content",
        response=models.LoadDetail,
        parameters=(LOAD, NOTIFICATION),
        error_codes=(404, 409),
    ),
    Operation(
        method="GET",
        path="/self-test",
        handler_name="test",
        summary="Check whether a webhook call would be accepted; nothing is queued or sent",
        response=models.SelfTest,
        parameters=(
            Parameter(
                name="filename",
                description="A file to look for in your bucket.",
                example="warehouse.csv",
                schema=TEXT,
            ),
            Parameter(
                name="notifyWebhook",
                description="A callback URL to check.",
                example="https://hooks.example.edu/a",
                schema=TEXT,
            ),
        ),
        error_codes=(400,),
    ),
    Operation(
        method="GET",
        path="/keys",
        handler_name="key_list",
        summary="List the API keys of this environment",
        response=models.KeyList,
    ),
    Operation(
        method="GET",
        path="/index.cfm/exchange",
        handler_name="exchange",
        summary="Exchange your API key for a new one; the old key works for two more weeks",
        response=models.NewKey,
        parameters=(
            Parameter(
                name="emailaddress",
                description="The address to notify before the new key expires.",
                example="feeds@example.edu",
                schema=TEXT,
            ),
        ),
        error_codes=(400, 409),
    ),
    Operation(
        method="POST",
        path="/index.cfm/aws/accesskey",
        handler_name="access_key",
        summary="Get the newest S3 key of this environment",
        response=models.S3KeyPair,
        parameters=(
            Parameter(
                name="accessKeyId",
                description="An S3 access key ID of yours that works now.",
                example="AKIAIOSFODNN7EXAMPLE",
                schema=TEXT,
            ),
            Parameter(
                name="emailaddress",
                description="An address to notify of new S3 keys.",
                example="feeds@example.edu",
                schema=TEXT,
            ),
        ),
        error_codes=(400, 404),
    ),
)
