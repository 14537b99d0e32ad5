"""The routes of the pages."""

from collections.abc import Callable
from datetime import datetime

from starlette.routing import BaseRoute, Mount, Route

from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_cipher
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
    ledger, public_urls = status.ledger, settings.public_urls
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
        devices=DeviceCookies(lambda: open_cipher(settings)),
        clock=clock,
        public_urls=public_urls,
        staff_over_http=settings.staff_over_http,
    )
    webhook_pages = WebhookPages(
        guard=guard,
        status=status,
        upload_service=UploadService(ledger, buckets, status),
        onboarding=Onboarding(ledger, buckets, public_urls),
        public_urls=public_urls,
    )
    load_pages = LoadPages(
        guard=guard,
        ledger=ledger,
        status=status,
        actions=Actions(ledger, status, public_urls),
        reports=reports,
    )
    return _route_table(
        guard,
        sign_in=sign_in_pages,
        webhooks=webhook_pages,
        loads=load_pages,
        keys=KeyPages(guard, ledger, key_service),
        notifications=NotificationPages(guard, status),
        staff=StaffPages(guard, ledger, Dashboard(ledger)),
    )


def _route_table(
    guard: PageGuard,
    *,
    sign_in: SignInPages,
    webhooks: WebhookPages,
    loads: LoadPages,
    keys: KeyPages,
    notifications: NotificationPages,
    staff: StaffPages,
) -> list[BaseRoute]:
    """List every page with its handler and with who may open it."""
    return [
        _get("/", guard.public(sign_in.start)),
        _get("/sign-in", guard.public(sign_in.show)),
        _post("/sign-in", guard.public(sign_in.sign_in)),
        _post("/sign-out", guard.require_session(sign_in.sign_out)),
        _get("/start", guard.require_session(webhooks.start)),
        _get("/webhooks", guard.require_session(webhooks.index)),
        _get("/upload", guard.require_session(webhooks.upload_form)),
        _post("/upload", guard.require_session_for_upload(webhooks.upload)),
        _get("/loads", guard.require_session(loads.index)),
        _get("/loads/{job_id}", guard.require_session(loads.show)),
        _get("/loads/{job_id}/report.{form}", guard.require_session(loads.report)),
        _post("/loads/{job_id}/cancel", guard.require_session(loads.cancel)),
        _post("/loads/{job_id}/resend", guard.require_session(loads.resend)),
        _post("/loads/{job_id}/repeat", guard.require_session(loads.repeat)),
        _post("/loads/{job_id}/approve", guard.require_staff(loads.approve)),
        _post("/loads/{job_id}/discard", guard.require_staff(loads.discard)),
        _get("/keys", guard.require_session(keys.index)),
        _post("/keys/rotate", guard.require_session(keys.rotate)),
        _post("/keys/revoke", guard.require_session(keys.revoke)),
        _get("/s3-keys", guard.require_session(keys.s3)),
        _get("/notifications", guard.require_session(notifications.index)),
        _get("/staff", guard.require_staff(staff.index)),
        _post("/staff/look", guard.require_staff(staff.select_customer)),
        Mount("/static", Static(directory=FOLDER / "static")),
    ]


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["POST"])
