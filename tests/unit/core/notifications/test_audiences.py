"""Every notice says whom it is for."""

from datetime import UTC, datetime

from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.heartbeat import Signal, signal_notices
from alumniq_pipelines.core.notifications.key_expiry import expiry_notices
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import Audience, Channel
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT, Staff, mail_recipients

NOW = datetime(2026, 3, 1, tzinfo=UTC)
URL = "https://hc-ping.com/s3cret"
BOTH = "both@alumniq.example"
REQUEST = LoadRequest(
    JobId("J"),
    Target("iqu", Environment.QA, "warehouse"),
    "w.csv",
    None,
    None,
    f"ada@iqu.example, {BOTH}",
    "https://hooks.example.edu/a",
)
LOAD = Load(1, REQUEST, LoadState.RUNNING, attempts=1, accepted_at=NOW)


def test_the_notices_of_a_load_are_for_its_customer_for_staff_and_for_a_monitor() -> None:
    outcome = Outcome(LoadState.FAILED, is_our_fault=True)
    attempts = [AttemptRecord(1, "r", AttemptResult.OUTAGE)]
    notices = notices_for(
        LOAD, outcome, attempts, Staff((*mail_recipients((BOTH,)), STAFF_CHAT)), URL
    )
    assert [(notice.channel, notice.audience, notice.destination) for notice in notices] == [
        (Channel.CALLBACK, Audience.CUSTOMER, "https://hooks.example.edu/a"),
        (Channel.MAIL, Audience.CUSTOMER, "ada@iqu.example"),
        (Channel.MAIL, Audience.CUSTOMER, BOTH),
        (Channel.MAIL, Audience.STAFF, BOTH),
        (Channel.CHAT, Audience.STAFF, "staff"),
        (Channel.HEARTBEAT, Audience.MONITOR, f"{URL}/fail"),
    ]


def test_a_signal_is_for_a_monitor_and_the_end_of_a_key_for_whom_it_belongs_to() -> None:
    key = ApiKey(
        prefix="aq_test_abcd",
        customer="iqu",
        environment=Environment.QA,
        created_at=NOW,
        expires_at=NOW,
        email="ada@iqu.example",
    )
    assert {signal_notice.audience for signal_notice in signal_notices(URL, Signal.START)} == {
        Audience.MONITOR
    }
    notices = expiry_notices(key, 7, PublicUrls.shared("https://feeds.example"))
    assert {notice.audience for notice in notices} == {Audience.CUSTOMER}
