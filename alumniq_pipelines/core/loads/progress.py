"""Progress: how a load or a check tells how far it is."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Told the name of the step (`fetch`, `decompress`, …) and its fraction done, 0 to 1."""


def ignore_progress(step: str, fraction: float) -> None:
    """Tell nobody."""
    del step, fraction
