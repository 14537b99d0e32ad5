"""The first steps of a new customer, each shown as done once the system sees that it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.ledger.delivery_history import DeliveryHistory
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.bucket import Buckets, folder_of
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Audience
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from webhook_gateway.services.load_queries import Scope

LOADS_CHECKED = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `hint` explains how to do it."""

    title: str
    hint: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Checks the steps. Raises OutageProblem if the ledger is unavailable."""

    ledger: Ledger
    buckets: Buckets
    public_urls: PublicUrls

    def steps(self, scope: Scope, now: datetime) -> Sequence[Step]:
        """List the steps in the order in which to do them."""
        is_qa = scope.environment is Environment.QA
        keys = [key for key in self.ledger.keys.of(scope.customer) if key.is_live(now)]
        folder = folder_of(scope.environment)
        bucket = self.buckets.open(self.ledger.customers.get(scope.customer).bucket)
        try:
            can_read, has_file = True, any(True for _ in bucket.list_objects(folder, limit=1))
        except BucketUnavailable:
            can_read, has_file = False, False
        loads = self.ledger.loads.find(
            customer=scope.customer,
            environment=scope.environment,
            feeds=scope.feeds,
            limit=LOADS_CHECKED,
        )
        steps = [
            Step(
                f"Get a {'QA' if is_qa else scope.environment} API key",
                "Ask us for a key. It is shown only once, so save it in your scheduler's secrets.",
                any(key.environment is scope.environment for key in keys),
            ),
            Step(
                "Get a bucket",
                "We create it for you. This step is done as soon as we can read it.",
                can_read,
            ),
            Step(
                "Deliver a file",
                f"Copy it to the folder {folder} in your bucket, or use the Upload page.",
                has_file,
            ),
            Step(
                "Call a webhook", "Copy the command of a job from the Webhooks page.", bool(loads)
            ),
            Step(
                "Load a file successfully",
                "If a load fails, its page shows which lines are wrong and how to fix them.",
                any(load.state is LoadState.SUCCEEDED for load in loads),
            ),
            Step(
                "Receive a notification",
                "Send notifyEmail or notifyWebhook when you call the webhook.",
                # Those to staff do not count.
                DeliveryHistory(self.ledger.database).has_delivered(
                    [load.job_id for load in loads], Audience.CUSTOMER
                ),
            ),
        ]
        if is_qa:
            steps.append(
                Step(
                    "Get a production API key",
                    f"Ask us for it once QA works. In your script, only {self._what_changes()}.",
                    any(key.environment is Environment.PRODUCTION for key in keys),
                )
            )
        return steps

    def _what_changes(self) -> str:
        """Return what differs between a script for QA and one for production."""
        if self.public_urls.is_shared:
            return "the key and the folder change"
        return f"the key, the folder and the address change: it is {self.public_urls.production}"
