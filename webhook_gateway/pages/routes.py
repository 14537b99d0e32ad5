"""The addresses of the pages."""

from collections.abc import Callable, Iterator
from datetime import datetime

from starlette.routing import BaseRoute, Mount, Route

from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.settings import Settings
from webhook_gateway.http.authentication import Gate
from webhook_gateway.http.devices import Devices
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.http.sign_in_limits import PasswordChecks, SignInLimits
from webhook_gateway.pages.keys import KeyPages
from webhook_gateway.pages.layout import FOLDER, Layout, Static
from webhook_gateway.pages.loads import LoadPages
from webhook_gateway.pages.notifications import TellingPages
from webhook_gateway.pages.page_handlers import Door, Endpoint
from webhook_gateway.pages.sign_in import SigningIn
from webhook_gateway.pages.staff import StaffPages
from webhook_gateway.pages.webhooks import WebhookPages
from webhook_gateway.services.keys import KeyKeeping
from webhook_gateway.services.load_actions import Actions
from webhook_gateway.services.load_queries import Status
from webhook_gateway.services.onboarding import Onboarding
from webhook_gateway.services.reports import Reports
from webhook_gateway.services.staff_dashboard import Board
from webhook_gateway.services.uploads import Uploading

SIGN_INS_PER_MINUTE = 20
"""From one address; a campus may sit behind one."""


def page_routes(
    settings: Settings,
    gate: Gate,
    status: Status,
    keeping: KeyKeeping,
    reports: Reports,
    buckets: Buckets,
    clock: Callable[[], datetime],
) -> list[BaseRoute]:
    """List the addresses of all pages around the gateway's parts."""
    ledger = status.ledger
    layout = Layout()
    door = Door(gate, layout, clock, settings.max_upload_bytes)
    signing_in = SigningIn(
        ledger=ledger,
        layout=layout,
        gate=gate,
        tries=RateLimit(SIGN_INS_PER_MINUTE),
        limits=SignInLimits(),
        checks=PasswordChecks(),
        device_checks=PasswordChecks(at_once=1, waiting=2),
        devices=Devices(settings.sealing_key_file),
        clock=clock,
        is_https=settings.gateway_url.startswith("https:"),
        staff_over_http=settings.staff_over_http,
    )
    actions = Actions(ledger, status, settings.gateway_url)
    uploading, onboarding = Uploading(ledger, buckets, status), Onboarding(ledger, buckets)
    return [
        *_doors(door, signing_in),
        *_customers(door, WebhookPages(door, status, uploading, onboarding, settings.gateway_url)),
        *_loads(door, LoadPages(door, ledger, status, actions, reports)),
        *_security(door, KeyPages(door, ledger, keeping)),
        *_staff(door, StaffPages(door, ledger, Board(ledger))),
        _get("/notifications", door.signed_in(TellingPages(door, status).index)),
        Mount("/static", Static(directory=FOLDER / "static")),
    ]


def _doors(door: Door, pages: SigningIn) -> Iterator[Route]:
    yield _get("/", door.open(pages.start))
    yield _get("/sign-in", door.open(pages.show))
    yield _post("/sign-in", door.open(pages.sign_in))
    yield _post("/sign-out", door.signed_in(pages.sign_out))


def _customers(door: Door, pages: WebhookPages) -> Iterator[Route]:
    yield _get("/start", door.signed_in(pages.start))
    yield _get("/webhooks", door.signed_in(pages.index))
    yield _get("/upload", door.signed_in(pages.ask_for_file))
    yield _post("/upload", door.upload(pages.upload))


def _loads(door: Door, pages: LoadPages) -> Iterator[Route]:
    yield _get("/loads", door.signed_in(pages.index))
    yield _get("/loads/{job_id}", door.signed_in(pages.show))
    yield _get("/loads/{job_id}/report.{form}", door.signed_in(pages.report))
    yield _post("/loads/{job_id}/cancel", door.signed_in(pages.cancel))
    yield _post("/loads/{job_id}/resend", door.signed_in(pages.resend))
    yield _post("/loads/{job_id}/repeat", door.signed_in(pages.repeat))
    yield _post("/loads/{job_id}/approve", door.staff(pages.approve))
    yield _post("/loads/{job_id}/discard", door.staff(pages.discard))


def _security(door: Door, pages: KeyPages) -> Iterator[Route]:
    yield _get("/keys", door.signed_in(pages.index))
    yield _post("/keys/rotate", door.signed_in(pages.rotate))
    yield _post("/keys/revoke", door.signed_in(pages.revoke))
    yield _get("/s3-keys", door.signed_in(pages.s3))


def _staff(door: Door, pages: StaffPages) -> Iterator[Route]:
    yield _get("/staff", door.staff(pages.index))
    yield _post("/staff/look", door.staff(pages.look))


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["POST"])
