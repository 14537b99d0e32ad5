"""What a new customer has to do, and what of it is done: looked up, never ticked by hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.bucket import Buckets, folder_of
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Audience, NotificationState
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from webhook_gateway.services.load_queries import Scope

LOADS_CHECKED = 20


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do; `hint` says how."""

    title: str
    hint: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Onboarding:
    """The use case. Raises OutageProblem where the ledger is away."""

    ledger: Ledger
    buckets: Buckets

    def steps(self, scope: Scope, now: datetime) -> Sequence[Step]:
        """List the steps in their order."""
        return list(self._steps(scope, now))

    def _steps(self, scope: Scope, now: datetime) -> Iterator[Step]:
        folder = folder_of(scope.environment)
        keys = [key for key in self.ledger.keys.of(scope.customer) if key.is_live(now)]
        environment_keys = [key for key in keys if key.environment is scope.environment]
        yield Step(
            f"Hold an API key for {scope.environment}",
            "Ask us for one; it is shown once. Keep it in your scheduler's secrets.",
            bool(environment_keys),
        )
        can_read, has_file = self._bucket(scope, folder)
        yield Step("Have a bucket that we can read", "We make it for you.", can_read)
        yield Step(
            "Deliver a file", f"Put it into {folder} of your bucket, or upload it here.", has_file
        )
        loads = self.ledger.loads.find(
            customer=scope.customer,
            environment=scope.environment,
            feeds=scope.feeds,
            limit=LOADS_CHECKED,
        )
        yield Step("Call a webhook", "Copy the command of a job on the Webhooks page.", bool(loads))
        yield Step(
            "See a load succeed",
            "Where it fails, its page says which lines are wrong and what to do.",
            any(load.state is LoadState.SUCCEEDED for load in loads),
        )
        yield Step(
            "Be told of an outcome",
            "Send notifyEmail or notifyWebhook with the call.",
            any(
                notification.state is NotificationState.DELIVERED
                for load in loads
                for notification in self.ledger.notifications.of(load.job_id, [Audience.CUSTOMER])
            ),
        )
        if scope.environment is Environment.QA:
            yield Step(
                "Hold a key for production",
                "Once QA works, ask us for it: only the key and the folder change.",
                any(key.environment is Environment.PRODUCTION for key in keys),
            )

    def _bucket(self, scope: Scope, folder: str) -> tuple[bool, bool]:
        """Look whether the bucket can be read and whether a file lies in it."""
        bucket = self.buckets.open(self.ledger.customers.get(scope.customer).bucket)
        try:
            return True, any(True for _ in bucket.list_objects(folder, limit=1))
        except BucketUnavailable:
            return False, False
