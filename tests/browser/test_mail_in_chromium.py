"""The HTML part of a mail, as a mail program shows it on a phone."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page

from alumniq_pipelines.adapters.notifiers.mail import build_message
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notice,
)
from tests.pending_notifications import pending

pytestmark = pytest.mark.browser

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONG = "a_name_without_a_blank_" * 10
TEXT = f"""\
{LONG}.csv was not loaded.

What went wrong in {LONG}:
- {LONG} is required
- It stands in another column

File: {LONG}.csv
Page: https://feeds.example.org/loads/{LONG}
"""


def test_long_names_and_links_wrap(page: Page) -> None:
    notice = Notice(Channel.MAIL, "you@example.edu", TEXT, "S", audience=Audience.CUSTOMER)
    mail = pending(notice, NOW)
    html = build_message(mail, "feeds@example.org").get_body(("html",))
    assert html is not None
    page.set_viewport_size({"width": 360, "height": 800})
    page.set_content(html.get_content())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("body > div").bounding_box()
    assert box is not None
    for part in page.locator("p, li, td").all():
        inner = part.bounding_box()
        assert inner is not None
        assert inner["x"] + inner["width"] <= box["x"] + box["width"]
