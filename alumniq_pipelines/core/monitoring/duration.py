"""Durations as people write them: `90 min`, `2h`, `1d 12h`."""

import re
from datetime import timedelta

from alumniq_pipelines.core.problems.command import UnusableDuration

MINUTES = {"d": 1_440, "h": 60, "min": 1, "m": 1}
_PART = re.compile(r"(\d{1,6})\s*(d|h|min|m)")
_WHOLE = re.compile(rf"(?:{_PART.pattern}\s*)+", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a duration; raises UnusableDuration."""
    if not _WHOLE.fullmatch(text.strip().lower()):
        raise UnusableDuration(text)
    parts = _PART.findall(text.lower())
    return timedelta(minutes=sum(int(count) * MINUTES[unit] for count, unit in parts))


def format_duration(length: timedelta) -> str:
    """Format a duration with its two largest units: `3 h 20 min`."""
    minutes = int(length.total_seconds()) // 60
    counts = {"d": minutes // 1_440, "h": minutes // 60 % 24, "min": minutes % 60}
    parts = [f"{count} {unit}" for unit, count in counts.items() if count]
    return " ".join(parts[:2]) or "0 min"
