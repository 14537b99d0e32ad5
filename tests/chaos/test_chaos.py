"""A short storm over real processes; `make chaos` has longer ones."""

from pathlib import Path

import pytest

from tests.chaos.run import run_chaos

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_kills_and_outages_lose_nothing_and_notify_nobody_twice(tmp_path: Path) -> None:
    summary = run_chaos(tmp_path, seconds=30, seed=7, calm_seconds=420)
    assert summary.breaches == [], summary.line
    assert summary.counts["loads"] > 0
    assert summary.counts["kills"] > 0
