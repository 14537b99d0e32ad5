"""The steps of checking and loading a file: how long each took, and how far it is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from alumniq_pipelines.core.loads.progress import Progress
from alumniq_pipelines.telemetry.tracing import span


@dataclass
class StepTimer:
    """Times the steps of a load, and reports their progress."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time a step; yields a function that takes the fraction that is done."""
        began = time.perf_counter()
        self.progress(name, 0.0)
        with span(name):
            yield lambda fraction: self.progress(name, fraction)
        self.seconds[name] = round(time.perf_counter() - began, 3)
        self.progress(name, 1.0)
