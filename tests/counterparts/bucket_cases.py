"""The states of a customer's bucket in S3, and the answers of the store, that tests try.

The next case is an entry of a table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.rejection_report import report_key
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.servers.s3_faults import Answer, Operation

QA = "qa/warehouse/"

DENIED = Answer(403, "AccessDenied", "Access Denied")
BAD_REQUEST = Answer(400)
SSE_C = Answer(
    400,
    "InvalidRequest",
    "The object was stored using a form of Server Side Encryption. The correct parameters must be "
    "provided to retrieve the object.",
)
ARCHIVED = Answer(
    403, "InvalidObjectState", "The operation is not valid for the object's storage class"
)
KMS_DENIED = Answer(
    403,
    "AccessDenied",
    "User: arn:aws:iam::1:user/feeds is not authorized to perform: kms:Decrypt on resource: x",
)
KMS_UNKNOWN = Answer(
    403,
    "AccessDenied",
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access.",
)
KMS_DISABLED = Answer(400, "KMS.DisabledException", "arn:aws:kms:us-east-1:1:key/2 is disabled.")
NO_BUCKET = Answer(404, "NoSuchBucket", "The specified bucket does not exist")
NO_KEY = Answer(404, "NoSuchKey", "The specified key does not exist.")
REDIRECT = Answer(301, "PermanentRedirect", "Use the endpoint s3.eu-west-1.amazonaws.com")
OTHER_REGION = Answer(
    400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-1'"
)
UNKNOWN_KEY = Answer(403, "InvalidAccessKeyId", "The AWS Access Key Id AKIA1 does not exist")
SLOW_DOWN = Answer(503, "SlowDown", "Please reduce your request rate.")

NEVER_SHOWN = (
    "arn:",
    "AKIA",
    "not authorized",
    "s3.eu-west-1",
    "ciphertext",
    "Access Denied",
    "stored using",
)
"""Words of the store: its texts are read, to distinguish its answers, and shown to nobody."""


def stored(storage_class: str, header: str, value: str) -> Answer:
    """Return the facts of an object, as HEAD has them."""
    headers = {
        "Content-Length": "4",
        "ETag": '"e"',
        "Last-Modified": "Wed, 25 Nov 2026 01:00:00 GMT",
        "x-amz-storage-class": storage_class,
        header: value,
    }
    return Answer(200, headers=headers)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the bucket has, how the store answers, and what the caller gets."""

    says: Sequence[str]
    status: int = 400
    keys: Sequence[str] = ()
    filename: str = "warehouse.csv"
    answers: Mapping[Operation, Answer] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    says_not: Sequence[str] = ()


THERE = [f"{QA}warehouse.csv"]
MISSING = "The file warehouse.csv was not found in qa/warehouse/."
UPLOAD_FIRST = "Upload it first, then call the webhook again."
DELETED_BEHIND_LIST = f"{QA}warehouse-1.csv"

LOOKUPS = {
    "there": Case(status=200, keys=THERE, says=["jobId"]),
    # Objects that are there and cannot be read as they are: for the customer to change.
    "archived, by HEAD": Case(
        keys=THERE,
        options={"StorageClass": "GLACIER"},
        says=[
            "qa/warehouse/warehouse.csv is in an archive storage class",
            "standard storage class",
        ],
    ),
    "deep archive, by HEAD": Case(
        keys=THERE,
        options={"StorageClass": "DEEP_ARCHIVE"},
        says=["is in an archive storage class", "once it is restored"],
    ),
    "archived, at once readable": Case(
        status=200, keys=THERE, options={"StorageClass": "GLACIER_IR"}, says=["jobId"]
    ),
    "archived, being restored": Case(
        keys=THERE,
        answers={"HEAD object": stored("GLACIER", "x-amz-restore", 'ongoing-request="true"')},
        says=["It is being restored, which can take hours."],
    ),
    "archived, restored": Case(
        status=200,
        keys=THERE,
        answers={
            "HEAD object": stored(
                "GLACIER",
                "x-amz-restore",
                'ongoing-request="false", expiry-date="Fri, 25 Dec 2026"',
            )
        },
        says=["jobId"],
    ),
    "archived by intelligent tiering": Case(
        keys=THERE,
        answers={
            "HEAD object": stored("INTELLIGENT_TIERING", "x-amz-archive-status", "ARCHIVE_ACCESS")
        },
        says=["is in an archive storage class"],
    ),
    "encrypted by the customer's own key": Case(
        keys=THERE,
        answers={"HEAD object": BAD_REQUEST, "GET object": SSE_C},
        says=["encryption key of your own (SSE-C)", "Upload it without that key"],
    ),
    # Names.
    "a folder in the console": Case(
        keys=[QA, f"{QA}warehouse/", f"{QA}warehouse.csv/"],
        says=[MISSING, UPLOAD_FIRST],
        says_not=["Did you mean"],
    ),
    "a folder of Hadoop": Case(
        keys=[f"{QA}warehouse_$folder$", f"{QA}warehouse.csv_$folder$"],
        says=[MISSING, UPLOAD_FIRST],
        says_not=["Did you mean"],
    ),
    "the folder itself": Case(
        keys=[QA, *THERE],
        filename="qa/warehouse",
        says=["That is a folder: send the name of a file in it, such as warehouse.csv."],
        says_not=["send warehouse."],
    ),
    "the folder itself, as the console shows it": Case(
        keys=[QA, *THERE],
        filename="s3://iqu/qa/warehouse/",
        says=["That is a folder: send the name of a file in it, such as warehouse.csv."],
        says_not=["send warehouse.", "Did you mean"],
    ),
    "the folder itself, empty": Case(
        keys=[QA],
        filename="warehouse/",
        says=["That is a folder: send the name of a file in it."],
    ),
    "a folder below": Case(
        keys=[f"{QA}2026/", f"{QA}2026/warehouse.csv"],
        filename="2026",
        says=["That is a folder: send the name of a file in it, such as 2026/warehouse.csv."],
    ),
    "a zero-width space in the bucket": Case(
        keys=[f"{QA}warehouse\u200b.csv"],
        says=[MISSING, "contains U+200B (zero width space), which nobody sees", "No call can name"],
    ),
    "a byte order mark in the bucket": Case(
        keys=[f"{QA}\ufeffwarehouse.csv"],
        says=[MISSING, "contains U+FEFF (zero width no-break space), which nobody sees"],
    ),
    "a no-break space in the bucket": Case(
        keys=[f"{QA}our\u00a0people.csv"],
        filename="our people.csv",
        says=["was not found", "contains U+00A0 (no-break space), which nobody sees"],
    ),
    "a blank at the end in the bucket": Case(
        keys=[f"{QA}warehouse.csv "],
        says=[MISSING, "contains U+0020 (space)", 'in JSON "warehouse.csv "'],
    ),
    "a letter without ink in the bucket": Case(
        keys=[f"{QA}warehouse\u3164.csv"],
        says=[MISSING, "contains U+3164 (hangul filler)", r'in JSON "warehouse\u3164.csv"'],
    ),
    "a line break in the bucket": Case(
        keys=[f"{QA}warehouse.csv\r"],
        says=[MISSING, "contains U+000D, which nobody sees", "No call can name that file"],
    ),
    "a zero-width space in the call": Case(
        keys=THERE,
        filename="warehouse\u200b.csv",
        says=["cannot be printed: U+200B (zero width space).", "Send warehouse.csv."],
    ),
    "a letter without ink in the call": Case(
        keys=THERE,
        filename="warehouse\u3164.csv",
        says=["you sent contains U+3164 (hangul filler), which nobody sees", "Send warehouse.csv."],
    ),
    # What is plainly missing is missing, whatever else is denied.
    "missing": Case(says=[MISSING, UPLOAD_FIRST]),
    "missing, and the list denied": Case(
        answers={"LIST": DENIED}, says=[MISSING, UPLOAD_FIRST], says_not=["Did you mean"]
    ),
    "missing, and list and bucket denied": Case(
        keys=[f"{QA}warehouse-1.csv"],
        answers={"LIST": DENIED, "HEAD bucket": Answer(403)},
        says=[MISSING, UPLOAD_FIRST],
        says_not=["Did you mean"],
    ),
    "missing, and the list breaks": Case(
        answers={"LIST": SLOW_DOWN}, says=[MISSING, UPLOAD_FIRST], says_not=["Did you mean"]
    ),
    "denied, and not in the list": Case(
        answers={"HEAD object": Answer(403), "GET object": DENIED}, says=[MISSING]
    ),
    "a similar name that is archived": Case(
        keys=[f"{QA}warehouse-1.csv"],
        options={"StorageClass": "GLACIER"},
        says=[MISSING, "Did you mean warehouse-1.csv?"],
    ),
    # The store or our access to it: for staff to change.
    "denied, and in the list": Case(
        status=503,
        keys=THERE,
        answers={"HEAD object": Answer(403), "GET object": DENIED},
        says=["The file is in the bucket, but our own keys may not read it"],
        says_not=["bucket cannot be read"],
    ),
    "denied, and the list as well": Case(
        status=503,
        answers={"HEAD object": Answer(403), "GET object": DENIED, "LIST": DENIED},
        says=["Either the file is not there, or our own keys may not read it"],
    ),
    "key of KMS denied": Case(
        status=503,
        keys=THERE,
        answers={"HEAD object": Answer(403), "GET object": KMS_DENIED},
        says=["encrypted with a key of AWS KMS", "kms:Decrypt"],
    ),
    "key of KMS disabled": Case(
        status=503,
        keys=THERE,
        answers={"HEAD object": BAD_REQUEST, "GET object": KMS_DISABLED},
        says=["encrypted with a key of AWS KMS"],
    ),
    "bucket gone": Case(
        status=503,
        answers={"HEAD object": Answer(404), "HEAD bucket": Answer(404)},
        says=["There is no bucket of this name any more."],
    ),
    "redirected": Case(
        status=503,
        answers={
            "HEAD object": Answer(301, headers={"x-amz-bucket-region": "eu-west-1"}),
            "GET object": REDIRECT,
            "HEAD bucket": Answer(301, headers={"x-amz-bucket-region": "eu-west-1"}),
        },
        says=["The bucket is in another region"],
    ),
    "signed for another region": Case(
        status=503,
        answers={
            "HEAD object": BAD_REQUEST,
            "GET object": OTHER_REGION,
            "HEAD bucket": BAD_REQUEST,
        },
        says=["The bucket is in another region"],
    ),
    "our key unknown": Case(
        status=503,
        answers={"HEAD object": Answer(403), "GET object": UNKNOWN_KEY},
        says=["(InvalidAccessKeyId)"],
    ),
    "throttled": Case(
        status=503, answers={"HEAD object": Answer(503), "GET object": SLOW_DOWN}, says=["(503)"]
    ),
}

FETCHES: Mapping[str, tuple[Answer, str | None]] = {
    "missing": (NO_KEY, None),
    "archived": (ARCHIVED, "file-archived-by-store"),
    "encrypted by the customer's own key": (SSE_C, "file-encrypted-by-customer"),
    "denied": (DENIED, "file-denied"),
    "key of KMS denied": (KMS_DENIED, "file-key-denied"),
    "key of KMS gone or denied": (KMS_UNKNOWN, "file-key-denied"),
    "key of KMS disabled": (KMS_DISABLED, "file-key-denied"),
    "bucket gone": (NO_BUCKET, "bucket-gone"),
    "redirected": (REDIRECT, "bucket-elsewhere"),
    "our key unknown": (UNKNOWN_KEY, "bucket-unavailable"),
    "throttled": (SLOW_DOWN, "bucket-unavailable"),
}

TARGET = Target("iqu", Environment.QA, "people")
JOB = JobId("F6494FE4-8642-4F2E-A87DF336916CC246")
IN_BUCKET = f"Rejection report: {report_key(TARGET, JOB)} in your bucket."
DOWNLOAD = f"Download it from the page of this load, or with GET /api/v1/loads/{JOB}/report."

REPORTS: Mapping[str, tuple[Answer | None, int, str]] = {
    "written": (None, 100, IN_BUCKET),
    "denied": (
        DENIED,
        100,
        "The rejection report could not be put into your bucket: access was denied. " + DOWNLOAD,
    ),
    "throttled": (
        SLOW_DOWN,
        100,
        "The rejection report could not be put into your bucket: the bucket could not be written "
        "to. " + DOWNLOAD,
    ),
    "bucket gone": (
        NO_BUCKET,
        100,
        "The rejection report could not be put into your bucket: the bucket could not be written "
        "to. " + DOWNLOAD,
    ),
    "switched off": (
        None,
        0,
        "No rejection report was written: this service is set to write none.",
    ),
}

NOT_READ = "A file in the bucket {} cannot be read"

Unavailable = tuple[Mapping[Operation, Answer], str]
"""Answers that make every call a 503, and the title of their incident."""

READING_DENIED: Mapping[Operation, Answer] = {"HEAD object": Answer(403), "GET object": DENIED}
GONE: Mapping[Operation, Answer] = {
    "HEAD object": Answer(404),
    "GET object": NO_BUCKET,
    "HEAD bucket": Answer(404),
    "LIST": NO_BUCKET,
}

UNAVAILABLE: Mapping[str, Unavailable] = {
    "all denied": ({**READING_DENIED, "LIST": DENIED}, NOT_READ),
    "reading denied": (READING_DENIED, NOT_READ),
    "key of KMS denied": ({**READING_DENIED, "GET object": KMS_DENIED}, NOT_READ),
    "gone": (GONE, "The bucket {} cannot be reached"),
}
