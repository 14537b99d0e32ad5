"""What data engineers see in the Dagster UI, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from alumniq_pipelines.defs.checks import DESCRIPTIONS, SCHEMA
from tests.browser.dagster_ui import PEOPLE, DagsterUI

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(300)]


def _save_screenshot(page: Page, pictures: Path | None, name: str) -> None:
    if pictures:
        page.mouse.move(0, 0)
        page.screenshot(path=pictures / f"dagster-{name}.png", animations="disabled")


def test_the_graph_shows_the_feeds_and_what_refers_to_what(
    page: Page, dagster_ui: DagsterUI, pictures: Path | None
) -> None:
    page.goto(f"{dagster_ui.url}/locations/alumniq_pipelines/asset-groups/wave_1/lineage")
    for asset in ("warehouse", "warehouse_degrees", "warehouse_designations", "warehouse_lookups"):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    wait_for_callback = page.get_by_text(re.compile(r"^\d+ / \d+ Passed$"))
    expect(wait_for_callback).to_have_count(4)
    refused, *loaded = sorted(
        int(inner_text.split(" ")[0]) for inner_text in wait_for_callback.all_inner_texts()
    )
    assert refused < len(DESCRIPTIONS) <= min(loaded)
    _save_screenshot(page, pictures, "feeds")


def test_a_feed_shows_its_columns_as_the_field_map_describes_them(
    page: Page, dagster_ui: DagsterUI, pictures: Path | None
) -> None:
    page.goto(f"{dagster_ui.url}/assets/feeds/warehouse?view=overview")
    expect(page.get_by_text("Your primary identifier of the person")).to_be_visible()
    expect(page.get_by_text("primary key (xid)")).to_be_visible()
    expect(page.get_by_text("data_engineering")).to_be_visible()
    _save_screenshot(page, pictures, "feed")


def test_a_partition_shows_what_was_published_for_a_customer(
    page: Page, dagster_ui: DagsterUI, pictures: Path | None
) -> None:
    address = f"{dagster_ui.url}/assets/feeds/warehouse_degrees"
    page.goto(f"{address}?view=partitions&partition=iqu.qa")
    expect(page.get_by_text("iqu.qa").first).to_be_visible()
    expect(page.get_by_text("No partition selected")).to_have_count(0)
    expect(page.get_by_text(dagster_ui.loads["warehouse-degrees"], exact=True)).to_be_visible()
    expect(page.get_by_text("rows read", exact=True)).to_be_visible()
    expect(page.get_by_text("warehouse-degrees.csv")).to_be_visible()
    _save_screenshot(page, pictures, "partition")


def test_a_materialisation_shows_its_rows_its_file_and_its_speed(
    page: Page, dagster_ui: DagsterUI
) -> None:
    page.goto(f"{dagster_ui.url}/assets/feeds/warehouse?view=events")
    expect(page.get_by_text(dagster_ui.loads["warehouse"], exact=True)).to_be_visible()
    metadata = page.locator("tr", has_text="rows read").filter(has_text=str(PEOPLE))
    expect(metadata.first).to_be_visible()
    for name in ("seconds", "rows per second", "sha256", "version", "load page"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()


def test_checks_say_what_was_wrong_and_where_without_a_value(
    page: Page, dagster_ui: DagsterUI, pictures: Path | None
) -> None:
    page.goto(f"{dagster_ui.url}/assets/feeds/warehouse?view=checks&checkDetail=schema")
    for check in DESCRIPTIONS:
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    expect(page.get_by_text(DESCRIPTIONS[SCHEMA])).to_be_visible()
    for line in (101, 301, 401, 501):
        expect(page.get_by_text(f"line {line})").first).to_be_visible()
    _save_screenshot(page, pictures, "checks")
