"""The demo's loads: delivered as by a customer, followed to their end, each promise checked."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from alumniq_pipelines.cli.demo.display import Row, live
from alumniq_pipelines.cli.demo.receiver import Receiver
from alumniq_pipelines.cli.demo.stage import CUSTOMER, ENVIRONMENT, put
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.notifications.load_outcome import callback_body
from alumniq_pipelines.core.notifications.notification import Channel, NotificationState
from alumniq_pipelines.core.problems.setup import DemoFailed
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from alumniq_pipelines.adapters.ledger.ledger import Ledger

MAILBOX = "crm-team@iqu.example"
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Delivery:
    """A delivered file and the load that the gateway accepted for it."""

    feed: str
    path: Path
    job_id: JobId


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The running demo."""

    settings: Settings
    ledger: "Ledger"
    receiver: Receiver
    console: "Console"
    stop: threading.Event

    def deliver(self, key: str, feed: str, path: Path) -> Delivery:
        """Upload a file to the bucket and call the webhook, as a customer's script does."""
        import httpx

        put(self.settings, path)
        response = httpx.post(
            f"{self.settings.gateway_url}/api/v1/index.cfm/webhook/{feed}",
            json={
                "apiKey": key,
                "filename": path.name,
                "notifyEmail": MAILBOX,
                "notifyWebhook": self.receiver.url,
            },
            timeout=30,
            trust_env=False,
        )
        if not response.is_success:
            reason = f"The gateway answered the {feed} webhook with status {response.status_code}."
            raise DemoFailed(reason)
        return Delivery(feed, path, JobId(response.json()["jobId"]))

    def follow(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[Row]:
        """Show loads until all have ended and their notifications are delivered.

        Raises DemoFailed where that takes too long.
        """
        until = time.monotonic() + seconds
        with live(self.console) as show:
            while True:
                rows = [self._row(delivery) for delivery in deliveries]
                show(rows)
                if all(row.is_notified for row in rows):
                    return rows
                if time.monotonic() > until:
                    late = ", ".join(row.feed for row in rows if not row.is_notified)
                    reason = f"Not finished and notified within {seconds:g} seconds: {late}."
                    raise DemoFailed(reason)
                if self.stop.wait(POLL_SECONDS):
                    raise typer.Abort

    def _row(self, delivery: Delivery) -> Row:
        load = self.ledger.loads.get(delivery.job_id)
        if load is None:
            reason = f"The load {delivery.job_id} was accepted but is not in the ledger."
            raise DemoFailed(reason)
        received = self.receiver.callbacks.get(load.job_id, [])
        notifications = self.ledger.notifications.of(load.job_id)
        delivered = [
            notification.state is NotificationState.DELIVERED for notification in notifications
        ]
        end = received[0].at if received else datetime.now(UTC)
        return Row(
            feed=delivery.feed,
            job_id=load.job_id,
            state=load.state,
            counts=load.counts,
            seconds=(end - load.accepted_at).total_seconds(),
            is_notified=load.is_final and bool(received) and bool(delivered) and all(delivered),
        )

    def callback(self, delivery: Delivery, state: LoadState) -> str:
        """Return the body of a load's one callback; raises DemoFailed unless it is as promised."""
        bodies = [callback.body.decode() for callback in self.receiver.callbacks[delivery.job_id]]
        load = self.ledger.loads.get(delivery.job_id)
        if load is None or load.state is not state:
            reason = f"The load of {delivery.path.name} should be {state} but is not."
            raise DemoFailed(reason)
        expected_body = callback_body(load, Outcome(load.state, load.errors))
        if bodies != [expected_body]:
            reason = f"The load {delivery.job_id} did not get exactly one callback, as expected."
            raise DemoFailed(reason)
        return expected_body

    def mail(self, delivery: Delivery) -> tuple[str, str]:
        """Return subject and text of the mail about a load; raises DemoFailed if there is none."""
        for notification in self.ledger.notifications.of(delivery.job_id):
            path = self.settings.mail_dir / f"{notification.id}.eml"
            if notification.notice.channel is Channel.MAIL and path.exists():
                message = message_from_bytes(path.read_bytes(), policy=policy.default)
                body = message.get_body(("plain",))
                return str(message["Subject"]), body.get_content() if body else ""
        reason = f"There is no mail about the load {delivery.job_id}."
        raise DemoFailed(reason)

    def live_rows(self) -> int:
        """Return the number of people that readers see now."""
        from alumniq_pipelines.warehouse_wiring import open_warehouse

        warehouse = open_warehouse(self.settings)
        _, rows = warehouse.query(CUSTOMER.id, ENVIRONMENT, "select count(*) from warehouse")
        return int(str(rows[0][0]))
