"""What the status API answers, as models: answers and the OpenAPI document come from them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from alumniq_pipelines.core.loads.load import LoadState

JOB_ID = "F6494FE4-8642-4F2E-A87DF336916CC246"
WHEN = "2026-03-01T02:30:00Z"

JobIdText = Annotated[
    str, Field(description="The jobId that the webhook answered with.", examples=[JOB_ID])
]
JobName = Annotated[
    str, Field(description="The job's name in webhook URLs.", examples=["warehouse"])
]
Timestamp = Annotated[datetime, Field(description="In UTC.", examples=[WHEN])]


class ApiModel(BaseModel):
    """A part of an answer: frozen, camel case."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


class Errors(ApiModel):
    """The shape of every refusal: everything that is wrong at once."""

    errors: tuple[str, ...] = Field(
        min_length=1, examples=[["Missing required option: Filename"]], description="Sentences."
    )


class Counts(ApiModel):
    """Rows of a file: read is the sum of the other two."""

    read: int = Field(examples=[50_000])
    accepted: int = Field(examples=[49_998])
    rejected: int = Field(examples=[2])


class LoadSummary(ApiModel):
    """A load, in short."""

    job_id: JobIdText
    job: JobName
    filename: str = Field(examples=["warehouse.csv"])
    state: LoadState = Field(description="Where it is; succeeded and failed are final.")
    dry_run: bool = Field(description="Judged only, never published.", examples=[False])
    accepted_at: Timestamp
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    rows: Counts | None = Field(default=None, description="Known once the file was judged.")
    errors: tuple[str, ...] = Field(
        default=(), description="What went wrong, most frequent first.", examples=[[]]
    )


class Changes(ApiModel):
    """What a load changes of the live version, in rows."""

    added: int = Field(examples=[120])
    changed: int = Field(examples=[30])
    removed: int = Field(examples=[4])
    unchanged: int = Field(examples=[49_844])


class Remark(ApiModel):
    """What is worth a look and rejected nothing, in some rows or in the file as a whole."""

    severity: Literal["warning", "note"]
    code: str = Field(description="The rule; file: it is of no row.", examples=["reference"])
    column: str | None = Field(default=None, examples=["emailAddress"])
    message: str = Field(examples=["`emailAddress` is not an e-mail address"])
    advice: str = Field(examples=["Send one address and nothing else, such as you@example.edu."])
    rows: int | None = Field(default=None, description="How many have it.", examples=[17])
    first_line: int | None = Field(
        default=None, description="Of the file; the header is line 1.", examples=[2_041]
    )


class Attempt(ApiModel):
    """One of up to five tries at a load."""

    number: int = Field(examples=[1])
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    result: str | None = Field(default=None, examples=["published"])
    errors: tuple[str, ...] = ()


class DeliveryAttempt(ApiModel):
    """One try at sending a notification."""

    at: Timestamp
    delivered: bool = Field(examples=[True])
    detail: str = Field(examples=["200"])


class Notification(ApiModel):
    """What you are owed about a load, and each try at sending it."""

    id: str = Field(description="The same at every try.", examples=[f"msg_{JOB_ID}-1"])
    channel: str = Field(examples=["callback"])
    destination: str = Field(examples=["https://hooks.example.edu/alumniq"])
    state: str = Field(examples=["delivered"])
    next_attempt_at: Timestamp | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()


class LoadDetail(LoadSummary):
    """A load with all that happened to it."""

    size_bytes: int | None = Field(default=None, examples=[12_345_678])
    queue_position: int | None = Field(
        default=None, description="1 is next; null once it runs.", examples=[1]
    )
    changes: Changes | None = Field(default=None, description="null on a first load.")
    remarks: tuple[Remark, ...] = Field(
        default=(), description="What rejected nothing: warnings, then notes, most frequent first."
    )
    attempts: tuple[Attempt, ...] = ()
    notifications: tuple[Notification, ...] = ()


class LoadList(ApiModel):
    """Some loads, newest first."""

    loads: tuple[LoadSummary, ...]
    next: str | None = Field(default=None, description="Path of the older ones; null at the end.")


class FieldMapLinks(ApiModel):
    """What the file has to look like, for machines, for people, and to start from."""

    json_: str = Field(alias="json", examples=["/api/v1/jobs/warehouse/field-map.json"])
    html: str = Field(examples=["/api/v1/jobs/warehouse/field-map.html"])
    csv: str = Field(examples=["/api/v1/jobs/warehouse/field-map.csv"])


class Job(ApiModel):
    """A feed that this key may send."""

    job: JobName
    title: str = Field(examples=["Warehouse"])
    description: str = Field(examples=["One row per constituent."])
    webhook: str = Field(
        description="Where to POST.", examples=["/api/v1/index.cfm/webhook/warehouse"]
    )
    field_map: FieldMapLinks
    last_load: LoadSummary | None = None
    next_expected_at: Timestamp | None = Field(
        default=None, description="When the next file is due, where that is watched."
    )


class JobList(ApiModel):
    """The jobs that a key opens."""

    jobs: tuple[Job, ...]


class Check(ApiModel):
    """One thing that was looked at."""

    name: str = Field(examples=["file"])
    ok: bool | None = Field(description="null: it was not asked for.", examples=[True])
    detail: str = Field(examples=["warehouse.csv was found, 12,345,678 bytes."])


class SelfTest(ApiModel):
    """What works from here: nothing was queued, and nothing was sent."""

    ok: bool = Field(examples=[True])
    environment: Literal["qa", "production"]
    days_remaining: int = Field(description="Of the key.", examples=[300])
    folder: str = Field(examples=["qa/warehouse/"])
    checks: tuple[Check, ...]


class KeySummary(ApiModel):
    """An API key, by its first characters."""

    prefix: str = Field(examples=["aq_test_Xk3p"])
    live: bool = Field(examples=[True])
    created_at: Timestamp
    expires_at: Timestamp
    days_remaining: int = Field(examples=[300])
    last_used_at: Timestamp | None = None
    jobs: tuple[str, ...] | None = Field(default=None, description="null: all.")


class KeyList(ApiModel):
    """The keys of this customer and environment."""

    keys: tuple[KeySummary, ...]


class S3KeyPair(ApiModel):
    """The newest S3 key of this environment."""

    access_key_id: str = Field(examples=["AKIAIOSFODNN7EXAMPLE"])
    secret_access_key: str = Field(examples=["…"])
    old_key_ends_at: Timestamp | None = Field(
        default=None, description="When the one before ends; null where there is none."
    )


class NewKey(ApiModel):
    """A fresh API key, shown this once."""

    api_key: str = Field(examples=["aq_test_…"])
    expires_at: Timestamp
    days_remaining: int = Field(examples=[365])
    previous_key_expires_at: Timestamp
