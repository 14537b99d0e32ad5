"""The models of the status API, from which responses and the OpenAPI document are built."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.problems.delivery import explain_call
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence

JOB_ID = "F6494FE4-8642-4F2E-A87DF336916CC246"
WHEN = "2026-03-01T02:30:00Z"
NOT_DELIVERED = explain_call("HTTP 503")

JobIdText = Annotated[
    str, Field(description="The `jobId` from the webhook's response.", examples=[JOB_ID])
]
JobName = Annotated[
    str, Field(description="The name of the job in webhook URLs.", examples=["warehouse"])
]
Timestamp = Annotated[datetime, Field(description="In UTC.", examples=[WHEN])]


class ApiModel(BaseModel):
    """Base of all models: immutable, with field names in camel case."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


class Errors(ApiModel):
    """The form of every error response. It lists all problems of the request at once."""

    errors: tuple[str, ...] = Field(
        min_length=1,
        examples=[["Missing required option: Filename"]],
        description="One sentence for each problem.",
    )


class Counts(ApiModel):
    """Row counts of a file. `read` is the sum of `accepted` and `rejected`."""

    read: int = Field(examples=[50_000])
    accepted: int = Field(examples=[49_998])
    rejected: int = Field(examples=[2])


class LoadSummary(ApiModel):
    """A load in brief."""

    job_id: JobIdText
    job: JobName
    filename: str = Field(examples=["warehouse.csv"])
    state: LoadState = Field(description="The state of the load; succeeded and failed are final.")
    dry_run: bool = Field(
        description="Whether the file is only checked, never published.", examples=[False]
    )
    accepted_at: Timestamp
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    rows: Counts | None = Field(default=None, description="null until the file has been checked.")
    errors: tuple[str, ...] = Field(
        default=(), description="The errors of the load, most frequent first.", examples=[[]]
    )


class Changes(ApiModel):
    """Row counts of the changes compared with the previously live version."""

    added: int = Field(examples=[120])
    changed: int = Field(examples=[30])
    removed: int = Field(examples=[4])
    unchanged: int = Field(examples=[49_844])


class LoadWarning(ApiModel):
    """A probable mistake in the file. No row was rejected because of it."""

    code: str = Field(
        description="The rule, or `file` for a message about the file as a whole.",
        examples=["reference"],
    )
    column: str | None = Field(
        default=None,
        description="null if the message is not about one column.",
        examples=["emailAddress"],
    )
    message: str = Field(
        description="What was found.", examples=["`emailAddress` is not an e-mail address"]
    )
    advice: str = Field(
        description="What to do; may be empty.",
        examples=["Send one address and nothing else, such as you@example.edu."],
    )
    rows: int | None = Field(
        default=None,
        description="The number of rows concerned; null for the file as a whole.",
        examples=[17],
    )
    first_line: int | None = Field(
        default=None,
        description="The first of these lines in the file, where the header is line 1; "
        "null for the file as a whole.",
        examples=[2_041],
    )


class LoadNote(LoadWarning):
    """Something to know about the file, less serious than a warning. No row was rejected."""


class Attempt(ApiModel):
    """One of up to five attempts at a load."""

    number: int = Field(examples=[1])
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    result: str | None = Field(default=None, examples=["published"])
    errors: tuple[str, ...] = ()


class DeliveryAttempt(ApiModel):
    """One attempt to deliver a notification."""

    at: Timestamp
    delivered: bool = Field(examples=[False])
    code: str | None = Field(
        default=None,
        description="Why it was not delivered, for programs: `http-` and the status of the "
        "answer, `smtp-` and the mail server's reply, or a fault such as `tls-expired`. Codes are "
        "stable; all are in the list of messages. Null if it was delivered.",
        examples=[NOT_DELIVERED.code],
    )
    detail: str = Field(
        description="For people: what confirmed the delivery, or why there was none and what to do "
        "at the receiver. It contains nothing that the receiver sent.",
        examples=[str(NOT_DELIVERED)],
    )


class Notification(ApiModel):
    """A notification about a load, with its delivery attempts."""

    id: str = Field(
        description="Stays the same for every delivery attempt.", examples=[f"msg_{JOB_ID}-1"]
    )
    channel: str = Field(examples=["callback"])
    destination: str = Field(examples=["https://hooks.example.edu/alumniq"])
    state: str = Field(examples=["delivered"])
    next_attempt_at: Timestamp | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()


class WaitingFor(StrEnum):
    """What a load waits for."""

    OTHER_LOADS = "other-loads"
    START = "start"
    NEXT_ATTEMPT = "next-attempt"
    APPROVAL = "approval"


class Hold(ApiModel):
    """Why a load is awaiting approval by our staff, and until when."""

    held_at: Timestamp
    expires_at: Timestamp = Field(
        description="If the load is not approved by then, it fails. In UTC.", examples=[WHEN]
    )
    reasons: tuple[str, ...] = Field(
        description="What a load of the file would change that needs approval.",
        examples=[["6,000 rows removed, 12 % of 50,000 rows; more than 10 % need approval."]],
    )
    live: str = Field(
        description="What readers see meanwhile.", examples=[live_sentence(LiveData.PREVIOUS)]
    )


class LoadDetail(LoadSummary):
    """A load in full, with its attempts and notifications."""

    size_bytes: int | None = Field(default=None, examples=[12_345_678])
    queue_position: int | None = Field(
        default=None, description="1 is next; null once the load has started.", examples=[1]
    )
    waiting_for: WaitingFor | None = Field(
        default=None,
        description="What a load that is not finished waits for: other loads of this job, which "
        "come first; its start; another attempt, after one that failed for reasons on our side; or "
        "approval by our staff. null while an attempt is in progress.",
        examples=["start"],
    )
    next_attempt_at: Timestamp | None = Field(
        default=None,
        description="When the next attempt is due, if the load waits for one and its time is "
        "known. In UTC.",
        examples=[WHEN],
    )
    hold: Hold | None = Field(
        default=None, description="null unless the load is awaiting approval (state `held`)."
    )
    would_be_held: tuple[str, ...] = Field(
        default=(),
        description="Why a load of this file would be held for approval. Only a dry run finds "
        "out, and fails then; empty otherwise.",
        examples=[[]],
    )
    changes: Changes | None = Field(default=None, description="null for the first load of a feed.")
    warnings: tuple[LoadWarning, ...] = Field(
        default=(),
        description="Probable mistakes that rejected no row, most frequent first.",
    )
    notes: tuple[LoadNote, ...] = Field(
        default=(),
        description="Other information about the file that rejected no row, most frequent first.",
    )
    attempts: tuple[Attempt, ...] = ()
    notifications: tuple[Notification, ...] = ()


class LoadList(ApiModel):
    """A page of loads, newest first."""

    loads: tuple[LoadSummary, ...]
    next: str | None = Field(
        default=None, description="The path of the next page; null on the last one."
    )


class FieldMapLinks(ApiModel):
    """Where to find the field map: as JSON, as a page, and as a template for the file."""

    json_: str = Field(alias="json", examples=["/api/v1/jobs/warehouse/field-map.json"])
    html: str = Field(examples=["/api/v1/jobs/warehouse/field-map.html"])
    csv: str = Field(examples=["/api/v1/jobs/warehouse/field-map.csv"])


class Job(ApiModel):
    """A job that this key may call."""

    job: JobName
    title: str = Field(examples=["Warehouse"])
    description: str = Field(examples=["One row per constituent."])
    webhook: str = Field(
        description="The path to POST to.", examples=["/api/v1/index.cfm/webhook/warehouse"]
    )
    field_map: FieldMapLinks
    last_load: LoadSummary | None = None
    next_expected_at: Timestamp | None = Field(
        default=None, description="When the next file is due; null if no schedule is set."
    )


class JobList(ApiModel):
    """The jobs that this key may call."""

    jobs: tuple[Job, ...]


class Check(ApiModel):
    """The result of one check."""

    name: str = Field(examples=["file"])
    ok: bool | None = Field(description="null if the check was not requested.", examples=[True])
    detail: str = Field(examples=["warehouse.csv was found, 12,345,678 bytes."])


class SelfTest(ApiModel):
    """The result of the self-test. Nothing was queued or sent."""

    ok: bool = Field(examples=[True])
    environment: Literal["qa", "production"]
    days_remaining: int = Field(description="Whole days until the key expires.", examples=[300])
    folder: str = Field(examples=["qa/warehouse/"])
    checks: tuple[Check, ...]


class KeySummary(ApiModel):
    """An API key, identified by its first characters."""

    prefix: str = Field(examples=["aq_test_Xk3p"])
    live: bool = Field(examples=[True])
    created_at: Timestamp
    expires_at: Timestamp
    days_remaining: int = Field(examples=[300])
    last_used_at: Timestamp | None = None
    jobs: tuple[str, ...] | None = Field(
        default=None, description="The jobs that the key may call; null if it may call all."
    )


class KeyList(ApiModel):
    """The API keys of this customer and environment."""

    keys: tuple[KeySummary, ...]


class S3KeyPair(ApiModel):
    """The newest S3 key pair of this environment."""

    access_key_id: str = Field(examples=["AKIAIOSFODNN7EXAMPLE"])
    secret_access_key: str = Field(examples=["…"])
    old_key_ends_at: Timestamp | None = Field(
        default=None, description="When the previous key stops working; null if there is none."
    )


class NewKey(ApiModel):
    """A new API key, shown only in this response."""

    api_key: str = Field(examples=["aq_test_…"])
    expires_at: Timestamp
    days_remaining: int = Field(examples=[365])
    previous_key_expires_at: Timestamp
