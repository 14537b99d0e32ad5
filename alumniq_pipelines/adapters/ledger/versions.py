"""Versions: the history of what was published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from alumniq_pipelines.core.target import Target
from alumniq_pipelines.core.warehouse import Version


@dataclass(frozen=True)
class Versions:
    """What each target's readers have seen, in order."""

    engine: Engine

    def record(self, version: Version, now: datetime) -> None:
        """Keep that a version was published; repeating it changes nothing."""
        raise NotImplementedError

    def of(self, target: Target, most: int = 50) -> Sequence[Version]:
        """List a target's versions, newest first."""
        raise NotImplementedError
