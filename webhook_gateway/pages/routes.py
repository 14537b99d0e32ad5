"""The routes of the pages."""

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
from webhook_gateway.services.staff_dashboard import Dashboard
from webhook_gateway.services.uploads import UploadService

SIGN_INS_PER_MINUTE = 20
"""From one address; a campus may share a single address."""


def page_routes(
    settings: Settings,
    authenticator: Authenticator,
    status: Status,
    key_service: KeyService,
    reports: RejectionReports,
    buckets: Buckets,
    clock: Callable[[], datetime],
) -> list[BaseRoute]:
    """Return the routes of all pages."""
    ledger = status.ledger
    layout = Layout()
    guard = PageGuard(
        authenticator=authenticator,
        layout=layout,
        clock=clock,
        max_upload_bytes=settings.max_upload_bytes,
    )
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
    webhook_pages = WebhookPages(
        guard=guard,
        status=status,
        upload_service=UploadService(ledger, buckets, status),
        onboarding=Onboarding(ledger, buckets),
        base_url=settings.gateway_url,
    )
    load_pages = LoadPages(
        guard=guard,
        ledger=ledger,
        status=status,
        actions=Actions(ledger, status, settings.gateway_url),
        reports=reports,
    )
    return [
        *_sign_in_routes(guard, sign_in_pages),
        *_webhook_routes(guard, webhook_pages),
        *_load_routes(guard, load_pages),
        *_key_routes(guard, KeyPages(guard, ledger, key_service)),
        *_staff_routes(guard, StaffPages(guard, ledger, Dashboard(ledger))),
        _get("/notifications", guard.require_session(NotificationPages(guard, status).index)),
        Mount("/static", Static(directory=FOLDER / "static")),
    ]


def _sign_in_routes(guard: PageGuard, pages: SignInPages) -> Iterator[Route]:
    yield _get("/", guard.public(pages.start))
    yield _get("/sign-in", guard.public(pages.show))
    yield _post("/sign-in", guard.public(pages.sign_in))
    yield _post("/sign-out", guard.require_session(pages.sign_out))


def _webhook_routes(guard: PageGuard, pages: WebhookPages) -> Iterator[Route]:
    yield _get("/start", guard.require_session(pages.start))
    yield _get("/webhooks", guard.require_session(pages.index))
    yield _get("/upload", guard.require_session(pages.upload_form))
    yield _post("/upload", guard.require_session_for_upload(pages.upload))


def _load_routes(guard: PageGuard, pages: LoadPages) -> Iterator[Route]:
    yield _get("/loads", guard.require_session(pages.index))
    yield _get("/loads/{job_id}", guard.require_session(pages.show))
    yield _get("/loads/{job_id}/report.{form}", guard.require_session(pages.report))
    yield _post("/loads/{job_id}/cancel", guard.require_session(pages.cancel))
    yield _post("/loads/{job_id}/resend", guard.require_session(pages.resend))
    yield _post("/loads/{job_id}/repeat", guard.require_session(pages.repeat))
    yield _post("/loads/{job_id}/approve", guard.require_staff(pages.approve))
    yield _post("/loads/{job_id}/discard", guard.require_staff(pages.discard))


def _key_routes(guard: PageGuard, pages: KeyPages) -> Iterator[Route]:
    yield _get("/keys", guard.require_session(pages.index))
    yield _post("/keys/rotate", guard.require_session(pages.rotate))
    yield _post("/keys/revoke", guard.require_session(pages.revoke))
    yield _get("/s3-keys", guard.require_session(pages.s3))


def _staff_routes(guard: PageGuard, pages: StaffPages) -> Iterator[Route]:
    yield _get("/staff", guard.require_staff(pages.index))
    yield _post("/staff/look", guard.require_staff(pages.select_customer))


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["POST"])
