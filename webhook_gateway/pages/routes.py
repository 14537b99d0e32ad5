"""The addresses of the pages."""

from collections.abc import Callable, Iterator
from datetime import datetime

from starlette.routing import BaseRoute, Mount, Route

from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.settings import Settings
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.devices import DeviceCookies
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.http.sign_in_limits import PasswordCheckLimiter, SignInLimits
from webhook_gateway.pages.keys import KeyPages
from webhook_gateway.pages.layout import FOLDER, Layout, Static
from webhook_gateway.pages.loads import LoadPages
from webhook_gateway.pages.notifications import NotificationPages
from webhook_gateway.pages.page_handlers import Endpoint, PageGuard
from webhook_gateway.pages.sign_in import SignInPages
from webhook_gateway.pages.staff import StaffPages
from webhook_gateway.pages.webhooks import WebhookPages
from webhook_gateway.services.keys import KeyService
from webhook_gateway.services.load_actions import Actions
from webhook_gateway.services.load_queries import Status
from webhook_gateway.services.onboarding import Onboarding
from webhook_gateway.services.reports import RejectionReports
from webhook_gateway.services.staff_dashboard import Board
from webhook_gateway.services.uploads import UploadService

SIGN_INS_PER_MINUTE = 20
"""From one address; a campus may sit behind one."""


def page_routes(
    settings: Settings,
    authenticator: Authenticator,
    status: Status,
    key_service: KeyService,
    reports: RejectionReports,
    buckets: Buckets,
    clock: Callable[[], datetime],
) -> list[BaseRoute]:
    """List the addresses of all pages around the gateway's parts."""
    ledger = status.ledger
    layout = Layout()
    guard = PageGuard(authenticator, layout, clock, settings.max_upload_bytes)
    sign_in_pages = SignInPages(
        ledger=ledger,
        layout=layout,
        authenticator=authenticator,
        rate_limit=RateLimit(SIGN_INS_PER_MINUTE),
        limits=SignInLimits(),
        checks=PasswordCheckLimiter(),
        device_checks=PasswordCheckLimiter(at_once=1, waiting=2),
        devices=DeviceCookies(settings.encryption_key_file),
        clock=clock,
        is_https=settings.gateway_url.startswith("https:"),
        staff_over_http=settings.staff_over_http,
    )
    actions = Actions(ledger, status, settings.gateway_url)
    upload_service, onboarding = UploadService(ledger, buckets, status), Onboarding(ledger, buckets)
    return [
        *_sign_in_routes(guard, sign_in_pages),
        *_customer_routes(
            guard, WebhookPages(guard, status, upload_service, onboarding, settings.gateway_url)
        ),
        *_load_routes(guard, LoadPages(guard, ledger, status, actions, reports)),
        *_key_routes(guard, KeyPages(guard, ledger, key_service)),
        *_staff_routes(guard, StaffPages(guard, ledger, Board(ledger))),
        _get("/notifications", guard.signed_in(NotificationPages(guard, status).index)),
        Mount("/static", Static(directory=FOLDER / "static")),
    ]


def _sign_in_routes(guard: PageGuard, pages: SignInPages) -> Iterator[Route]:
    yield _get("/", guard.open(pages.start))
    yield _get("/sign-in", guard.open(pages.show))
    yield _post("/sign-in", guard.open(pages.sign_in))
    yield _post("/sign-out", guard.signed_in(pages.sign_out))


def _customer_routes(guard: PageGuard, pages: WebhookPages) -> Iterator[Route]:
    yield _get("/start", guard.signed_in(pages.start))
    yield _get("/webhooks", guard.signed_in(pages.index))
    yield _get("/upload", guard.signed_in(pages.upload_form))
    yield _post("/upload", guard.upload(pages.upload))


def _load_routes(guard: PageGuard, pages: LoadPages) -> Iterator[Route]:
    yield _get("/loads", guard.signed_in(pages.index))
    yield _get("/loads/{job_id}", guard.signed_in(pages.show))
    yield _get("/loads/{job_id}/report.{form}", guard.signed_in(pages.report))
    yield _post("/loads/{job_id}/cancel", guard.signed_in(pages.cancel))
    yield _post("/loads/{job_id}/resend", guard.signed_in(pages.resend))
    yield _post("/loads/{job_id}/repeat", guard.signed_in(pages.repeat))
    yield _post("/loads/{job_id}/approve", guard.staff(pages.approve))
    yield _post("/loads/{job_id}/discard", guard.staff(pages.discard))


def _key_routes(guard: PageGuard, pages: KeyPages) -> Iterator[Route]:
    yield _get("/keys", guard.signed_in(pages.index))
    yield _post("/keys/rotate", guard.signed_in(pages.rotate))
    yield _post("/keys/revoke", guard.signed_in(pages.revoke))
    yield _get("/s3-keys", guard.signed_in(pages.s3))


def _staff_routes(guard: PageGuard, pages: StaffPages) -> Iterator[Route]:
    yield _get("/staff", guard.staff(pages.index))
    yield _post("/staff/look", guard.staff(pages.select_customer))


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["POST"])
