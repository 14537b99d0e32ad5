"""What customers and staff see and do on the pages, in a real browser."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import LoadState
from tests.browser.seeded import ERRORS, PASSWORD, Seeded

pytestmark = pytest.mark.browser

AXE = Path(__file__).with_name("axe-core") / "axe.min.js"
CUSTOMER_PAGES = ("start", "webhooks", "upload", "loads", "notifications", "keys", "s3-keys")
WIDTHS = {"desktop": 1200, "phone": 390}
Scheme = str


def sign_in(page: Page, seeded: Seeded, key: str) -> None:
    page.goto(f"{seeded.url}/sign-in")
    page.get_by_label("API key", exact=True).fill(key)
    page.locator("form", has=page.get_by_label("API key", exact=True)).get_by_role("button").click()
    expect(page).to_have_url(f"{seeded.url}/webhooks")


def sign_in_as_staff(page: Page, seeded: Seeded) -> None:
    page.goto(f"{seeded.url}/sign-in")
    page.get_by_label("Name", exact=True).fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("form", has=page.get_by_label("Password", exact=True)).get_by_role(
        "button"
    ).click()
    expect(page).to_have_url(f"{seeded.url}/staff")


def addresses(seeded: Seeded) -> list[str]:
    """List every page that a customer can open."""
    loads = (seeded.good, seeded.bad, seeded.queued, seeded.held)
    return [
        *(f"/{customer_page}" for customer_page in CUSTOMER_PAGES),
        *(f"/loads/{load}" for load in loads),
    ]


def faults(page: Page) -> list[str]:
    """Return the accessibility faults that axe-core finds on the page."""
    passes, found = page.evaluate(
        "async () => { const {passes, violations} = await axe.run(); return [passes.length, "
        "violations.map(v => `${v.impact} ${v.id}: ${v.nodes.map(n => n.target).join(' ')}`)]}"
    )
    assert passes > 10, "axe-core looked at nothing"
    return [str(fault) for fault in found]


@pytest.fixture
def page_of(page: Page) -> Callable[[str, int], Page]:
    """Create pages with a colour scheme and a width."""

    def dressed(scheme: Scheme, width: int) -> Page:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 800})
        return page

    return dressed


def test_signing_in_shows_the_webhooks_and_signing_out_hides_them(
    page: Page, seeded: Seeded
) -> None:
    sign_in(page, seeded, seeded.key)
    expect(page.get_by_role("heading", name="Warehouse degrees")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{seeded.url}/webhooks")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_key_is_refused_with_a_message(page: Page, seeded: Seeded) -> None:
    page.goto(f"{seeded.url}/sign-in")
    page.get_by_label("API key", exact=True).fill("aq_test_wrong")
    page.locator("form", has=page.get_by_label("API key", exact=True)).get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("is not valid here")


def test_a_job_shows_commands_to_copy(page: Page, seeded: Seeded) -> None:
    sign_in(page, seeded, seeded.key)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("How to call it").first.click()
    page.get_by_role("button", name="Copy the curl command of warehouse", exact=True).click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl --compressed '{seeded.url}/api/v1/index.cfm/webhook/warehouse'")


def test_a_failing_load_shows_its_causes_first_and_counts_that_add_up(
    page: Page, seeded: Seeded
) -> None:
    sign_in(page, seeded, seeded.key)
    page.get_by_role("article").filter(has_text="Warehouse degrees").locator("dd a").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("Why it failed")
    for error in ERRORS:
        expect(page.get_by_text(error.split("(")[1])).to_be_visible()
    output = page.locator(".sum").inner_text().replace(",", "")
    read, accepted, rejected = (int(number) for number in re.findall(r"\d+", output))
    assert read == accepted + rejected == 61_230


def test_a_load_is_canceled_by_hand(page: Page, seeded: Seeded) -> None:
    sign_in(page, seeded, seeded.key)
    page.goto(f"{seeded.url}/loads/{seeded.to_cancel}")
    page.get_by_role("button", name="Cancel this load").click()
    expect(page.get_by_role("status")).to_contain_text("canceled")
    expect(page.locator(".heading .state")).to_have_text("failed")


def test_a_key_is_rotated_while_the_old_one_works_on(page: Page, seeded: Seeded) -> None:
    sign_in(page, seeded, seeded.other_key)
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("button", name="Create a replacement").click()
    key = page.get_by_label("New API key", exact=True).inner_text()
    page.get_by_role("button", name="Sign out").click()
    for api_key in (key, seeded.other_key):
        sign_in(page, seeded, api_key)


def test_a_file_is_uploaded_without_a_script(
    page: Page, seeded: Seeded, tmp_path: Path, pages_ledger: Ledger
) -> None:
    file = tmp_path / "by-hand.csv"
    file.write_text("xid\n1\n")
    sign_in(page, seeded, seeded.other_key)
    page.get_by_role("link", name="Upload", exact=True).click()
    page.get_by_label("Job", exact=True).select_option("warehouse-lookups")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload and load").click()
    expect(page.get_by_role("heading", name="by-hand.csv")).to_be_visible()
    [load] = pages_ledger.loads.find(customer="ocu", limit=1)
    assert load.request.filename == "by-hand.csv"


def test_a_copied_command_loads_a_file_of_any_name_and_does_nothing_else(
    page: Page, seeded: Seeded, tmp_path: Path
) -> None:
    name = "x'; touch pwned; echo '.csv"
    sign_in(page, seeded, seeded.other_key)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{seeded.url}/upload?job=warehouse-designations")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": b"xid\n1\n"}
    )
    page.get_by_role("button", name="Upload and load").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.goto(f"{seeded.url}/webhooks")
    job = page.get_by_role("article").filter(has_text="Warehouse designations")
    job.get_by_text("How to call it").click()
    job.get_by_role("button", name="Copy the curl command").click()
    expect(job.get_by_role("button", name="Copy the curl command")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    command = copied.replace("YOUR-KEY", seeded.other_key)
    done = subprocess.run(
        ["sh"], input=command.encode(), cwd=tmp_path, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["filename"] == name
    assert list(tmp_path.iterdir()) == []


def test_everything_works_without_javascript(chromium: Browser, seeded: Seeded) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, seeded, seeded.key)
        page.goto(f"{seeded.url}/loads/{seeded.bad}")
        page.get_by_role("button", name="Send again").first.click()
        expect(page.get_by_role("status")).to_contain_text("sent again")


def test_staff_go_from_the_dashboard_to_the_load(page: Page, seeded: Seeded) -> None:
    sign_in_as_staff(page, seeded)
    failed = page.get_by_role("listitem").filter(has_text="warehouse-degrees failed")
    failed.get_by_role("button", name="Show the load").click()
    expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_needs_no_sideways_scrolling(
    page_of: Callable[[Scheme, int], Page], seeded: Seeded, scheme: Scheme, width: int
) -> None:
    page = page_of(scheme, width)
    page.add_init_script(path=AXE)
    output: list[str] = []

    def visit(path: str) -> None:
        page.goto(f"{seeded.url}{path}")
        output.extend(f"{path} {fault}" for fault in faults(page))
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if beyond > 0:
            output.append(f"{path} is {beyond} pixels too wide")

    visit("/sign-in")
    visit("/api/")
    sign_in(page, seeded, seeded.key)
    for path in addresses(seeded):
        visit(path)
    sign_in_as_staff(page, seeded)
    visit("/staff")
    page.get_by_role("button", name="View: iqu, qa").click()
    visit(f"/loads/{seeded.held}")
    assert output == []


def test_pictures_of_the_pages_are_taken(
    page: Page, seeded: Seeded, pictures: Path | None, page_of: Callable[[Scheme, int], Page]
) -> None:
    """Every picture of the documentation shows what is really there."""
    sign_in(page, seeded, seeded.key)
    for name, path, scheme, width in (
        ("webhooks", "/webhooks", "light", 1200),
        ("failed-load", f"/loads/{seeded.bad}", "light", 1200),
        ("held-load", f"/loads/{seeded.held}", "light", 1200),
        ("load-phone", f"/loads/{seeded.good}", "dark", 390),
    ):
        page_of(scheme, width).goto(f"{seeded.url}{path}")
        expect(page.get_by_role("main")).to_be_visible()
        if pictures:
            page.screenshot(path=pictures / f"pages-{name}.png", full_page=True)


def test_staff_approve_a_held_load(page: Page, seeded: Seeded, pages_ledger: Ledger) -> None:
    sign_in_as_staff(page, seeded)
    held = page.get_by_role("listitem").filter(has_text="awaits approval until")
    held.get_by_role("button", name="Show the load").click()
    expect(page.get_by_text("19,950 rows removed")).to_be_visible()
    page.get_by_label("Reason").fill("A school was closed; the dean confirmed it.")
    page.get_by_role("button", name="Approve and publish").click()
    expect(page.get_by_role("status")).to_contain_text("Approved")
    load = pages_ledger.loads.get(seeded.held)
    assert load
    assert load.state is LoadState.QUEUED
