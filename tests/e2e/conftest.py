"""One stack for all tests of a module: its start alone takes some ten seconds."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack, running_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running system."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
