"""Dagster's records, opened beside a running system as its own programs open them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from dagster import DagsterInstance

from alumniq_pipelines.cli.dagster_storage import storage_environment
from alumniq_pipelines.settings import Settings


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """Yield the instance of an installation."""
    with (
        mock.patch.dict(os.environ, storage_environment(settings)),
        DagsterInstance.from_config(str(settings.dagster_home)) as instance,
    ):
        yield instance
