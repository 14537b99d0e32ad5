"""Progress: how a load or a check reports how far it is."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the name of the step (`fetch`, `decompress`, …) and the fraction done, 0 to 1."""


def ignore_progress(step: str, fraction: float) -> None:
    """Ignore progress."""
    del step, fraction
