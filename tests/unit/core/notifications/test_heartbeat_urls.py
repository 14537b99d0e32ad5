import pytest

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.notifications.heartbeat import (
    Signal,
    signal_notices,
    signal_of,
    signal_url,
)
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice

SNITCH = "https://nosnch.in/c2354d53d2?m=iqu"
HOSTED = "https://hc-ping.com/5f5f6c1e"
OWN = "https://checks.example.edu/ping/5f5f6c1e/"
OTHER = "https://uptime.example.org/api/push/abc?status=up"


@pytest.mark.parametrize("url", [SNITCH, HOSTED, OWN, OTHER])
def test_success_is_calling_the_url_itself(url: str) -> None:
    assert signal_url(url, Signal.SUCCESS) == url


@pytest.mark.parametrize(
    ("url", "start", "fail"),
    [
        (SNITCH, None, "https://nosnch.in/c2354d53d2?m=iqu&s=1"),
        (HOSTED, f"{HOSTED}/start", f"{HOSTED}/fail"),
        (OWN, f"{OWN}start", f"{OWN}fail"),
        (OTHER, None, None),
    ],
)
def test_start_and_failure_are_said_as_each_service_wants_them(
    url: str, start: str | None, fail: str | None
) -> None:
    assert signal_url(url, Signal.START) == start
    assert signal_url(url, Signal.FAIL) == fail


def test_a_service_that_knows_no_failure_is_left_to_miss_the_success() -> None:
    assert signal_notices(OTHER, Signal.FAIL) == ()
    assert signal_notices("", Signal.SUCCESS) == ()
    assert signal_notices(OTHER, Signal.SUCCESS) == (
        Notice(Channel.HEARTBEAT, OTHER, "", audience=Audience.MONITOR),
    )


def test_only_success_is_success() -> None:
    assert [state for state in LoadState if signal_of(state) is Signal.SUCCESS] == [
        LoadState.SUCCEEDED
    ]
