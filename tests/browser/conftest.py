"""A real Chromium, and a running system with the Dagster UI to open in it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from tests.browser.dagster_ui import DagsterUI, running_ui
from tests.browser.seeded import Seeded, seed
from tests.servers.gateway import Installation, create_installation, serve_installation
from tests.system_programs import require_program

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""Folder for the pictures of the documentation; if it is unset, none are taken."""

FLAGS = (
    "--no-sandbox",  # Chromium refuses its sandbox to root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The Chromium of the machine.

    Playwright keeps an event loop running in this thread, so it must be gone before other tests.
    """
    path = require_program("chromium", "chromium", "chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Yield a page in a new browser context."""
    with chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        expect.set_options(timeout=30_000)  # two cores, and half a dozen processes at work
        yield context.new_page()


@pytest.fixture(scope="module")
def dagster_ui(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[DagsterUI]:
    """The Dagster UI of a system that has loaded every feed of the first wave."""
    del chromium  # requested first: without a browser nothing needs to start
    with running_ui(tmp_path_factory.mktemp("system")) as ui:
        yield ui


@pytest.fixture(scope="module")
def pictures() -> Path | None:
    """Return the folder for the pictures of the documentation, if any are wanted."""
    return Path(SCREENSHOTS).resolve() if SCREENSHOTS else None


@pytest.fixture(scope="module")
def seeded_installation(
    tmp_path_factory: pytest.TempPathFactory, migrated_ledger: Path
) -> Iterator[Installation]:
    """Create a data folder for the pages."""
    with create_installation(tmp_path_factory.mktemp("pages"), migrated_ledger) as installation:
        yield installation


@pytest.fixture(scope="module")
def seeded(seeded_installation: Installation, chromium: Browser) -> Iterator[Seeded]:
    """Serve pages over a ledger that contains a few days of loads."""
    del chromium  # requested first: without a browser nothing needs to start
    with serve_installation(seeded_installation) as gateway:
        yield seed(seeded_installation, gateway.url)


@pytest.fixture
def pages_ledger(seeded_installation: Installation) -> Ledger:
    """The ledger behind the pages."""
    return seeded_installation.ledger
