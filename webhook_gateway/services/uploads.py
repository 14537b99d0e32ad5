"""Delivering a file through the gateway and asking for its load, for those who cannot script."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.bucket import Buckets, object_key
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.recipients import check_emails
from alumniq_pipelines.core.problems.page import FileNotReplaced
from webhook_gateway.services.load_queries import Scope, Status


@dataclass(frozen=True, slots=True)
class UploadService:
    """The use case. Raises OutageProblem where the ledger or the bucket is away."""

    ledger: Ledger
    buckets: Buckets
    status: Status

    def load(
        self, scope: Scope, job: str, filename: str, source: Path, now: datetime, *, email: str = ""
    ) -> Load:
        """Put a local file into the scope's bucket and keep a load for it.

        Raises UnknownJob, JobNotOfKey, UnusableFilename, UnusableNotifyEmail and FileNotReplaced,
        and then leaves the bucket as it was.
        """
        feed = self.status.field_map(scope, job).name
        key = object_key(scope.environment, filename)
        if email:
            check_emails(email)
        bucket = self.buckets.open(self.ledger.customers.get(scope.customer).bucket)
        # All jobs share the folder: replacing a file could change what another job loads.
        if scope.feeds is not None and bucket.head(key) is not None:
            raise FileNotReplaced
        stored = bucket.put(key, source)
        request = LoadRequest(
            new_job_id(),
            Target(scope.customer, scope.environment, feed),
            filename,
            stored.etag,
            stored.size_bytes,
            email,
        )
        return self.ledger.loads.accept(request, now)
