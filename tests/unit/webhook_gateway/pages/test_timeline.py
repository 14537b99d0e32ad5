from datetime import UTC, datetime

from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from alumniq_pipelines.core.problems.delivery import explain_call
from alumniq_pipelines.core.problems.live_data import LiveData
from tests.pending_notifications import pending
from webhook_gateway.pages.timeline import ATTEMPT_ENDED, timeline
from webhook_gateway.services.load_queries import LoadDetail, NotificationHistory

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOAD = Load(
    1,
    LoadRequest(JobId("J"), Target("iqu", Environment.QA, "warehouse"), "w.csv", None, None),
    LoadState.QUEUED,
    attempts=0,
    accepted_at=NOW,
)


def test_every_attempt_result_has_a_description() -> None:
    assert set(ATTEMPT_ENDED) == set(AttemptResult)


def test_a_delivery_is_shown_by_the_name_of_its_channel() -> None:
    def history(channel: Channel, *, delivered: bool) -> NotificationHistory:
        notice = Notice(channel, "somewhere", "", audience=Audience.STAFF)
        sent = pending(notice, NOW, attempts=1)
        detail = "HTTP 200" if delivered else "HTTP 503"
        return NotificationHistory(
            sent, [(NOW, DeliveryResult(delivered=delivered, detail=detail))]
        )

    notifications = [history(medium, delivered=True) for medium in Channel]
    notifications.append(history(Channel.CHAT, delivered=False))
    events = timeline(
        LoadDetail(
            load=LOAD,
            job="warehouse",
            attempts=[],
            notifications=notifications,
            queue_position=None,
            live=LiveData.NONE,
        )
    )
    assert [event.title for event in events] == [
        "Accepted",
        "Callback delivered (HTTP 200)",
        "Email delivered (HTTP 200)",
        "Staff chat delivered (HTTP 200)",
        "Microsoft Teams delivered (HTTP 200)",
        "Heartbeat delivered (HTTP 200)",
        f"Staff chat not delivered: {explain_call('HTTP 503')}",
    ]
