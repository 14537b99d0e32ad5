"""A short storm over real processes; `make chaos` has longer ones, with stopped processes."""

from pathlib import Path

import pytest

from tests.chaos.run import Weather, run_chaos

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_kills_and_outages_lose_nothing_and_notify_nobody_twice(tmp_path: Path) -> None:
    weather = Weather(seconds=30, calm_seconds=420, with_stops=False)
    summary = run_chaos(tmp_path, weather, seed=7)
    assert summary.breaches == [], summary.line
    assert summary.counts["loads"] > 0
    assert summary.strikes.total() > 0
