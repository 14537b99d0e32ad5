"""Uploading a file through the gateway and requesting its load, for people without a script."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.bucket import Buckets, object_key
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.recipients import check_emails
from alumniq_pipelines.core.problems.page import FileNotReplaced
from webhook_gateway.services.file_lookup import is_there
from webhook_gateway.services.load_queries import Scope, Status


@dataclass(frozen=True, slots=True)
class UploadService:
    """Uploads files. Raises OutageProblem if the ledger or the bucket is unavailable."""

    ledger: Ledger
    buckets: Buckets
    status: Status

    def upload(
        self, scope: Scope, job: str, filename: str, source: Path, now: datetime, *, email: str = ""
    ) -> Load:
        """Copy a local file to the customer's bucket and record a load for it.

        Raises UnknownJob, JobNotOfKey, UnusableFilename, UnusableNotifyEmail and FileNotReplaced
        before anything is written to the bucket.
        """
        feed = self.status.field_map(scope, job).name
        key = object_key(scope.environment, filename)
        if email:
            check_emails(email)
        bucket = self.buckets.open(self.ledger.customers.get(scope.customer).bucket)
        # All jobs share one folder: if a key is limited to some jobs, replacing a file could
        # change what another job loads.
        if scope.feeds is not None and is_there(bucket, key):
            raise FileNotReplaced
        stored = bucket.put(key, source)
        request = LoadRequest(
            job_id=new_job_id(),
            target=Target(scope.customer, scope.environment, feed),
            filename=filename,
            etag=stored.etag,
            size_bytes=stored.size_bytes,
            notify_email=email,
        )
        return self.ledger.loads.accept(request, now)
