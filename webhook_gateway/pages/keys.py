"""The pages of Security: API keys and S3 keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.api_keys import OVERLAP, ApiKey
from alumniq_pipelines.core.access.s3_keys import user_name
from alumniq_pipelines.core.notifications.key_expiry import MadeBy
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.pages.page_handlers import PageGuard, Visit
from webhook_gateway.services.keys import KeyService


@dataclass(frozen=True, slots=True)
class KeyPages:
    """The pages."""

    guard: PageGuard
    ledger: Ledger
    key_service: KeyService

    def index(self, visit: Visit) -> Response:
        """List the keys of the environment: their first characters, use and end."""
        return self._page(visit)

    def rotate(self, visit: Visit) -> Response:
        """Make a key that opens the same and show it, this once; the old one goes on a while."""
        old = self._known(visit)
        made_by = MadeBy.STAFF if visit.session.staff else MadeBy.PAGES
        secret = self.key_service.rotate(old, visit.now, made_by=made_by, actor=visit.actor)
        return self._page(visit, secret)

    def revoke(self, visit: Visit) -> Response:
        """Take a key out of use at once."""
        old = self._known(visit)
        self.ledger.keys.revoke(old.prefix, visit.now, actor=visit.actor)
        return RedirectResponse("/keys?done=revoked", 303)

    def s3(self, visit: Visit) -> Response:
        """Say where the bucket is, which keys open it, and how they change.

        S3 keys open the files of all feeds, so a session for some feeds sees none of them.
        """
        scope, is_limited = visit.scope, visit.session.limits.feeds is not None
        stored_keys = S3Keys(self.ledger.database, self.ledger.audit)
        return self.guard.page(
            visit,
            "s3_keys.html",
            "s3-keys",
            bucket=self.ledger.customers.get(scope.customer).bucket,
            keys=() if is_limited else stored_keys.of(user_name(scope.customer, scope.environment)),
            is_limited=is_limited,
        )

    def _page(self, visit: Visit, secret: str = "") -> Response:
        return self.guard.page(
            visit,
            "keys.html",
            "keys",
            keys=self._keys(visit),
            secret=secret,
            overlap_days=OVERLAP.days,
        )

    def _keys(self, visit: Visit) -> Sequence[ApiKey]:
        """List the keys of what is in view that open no more than the session's own."""
        return self.key_service.of(visit.scope, visit.session.limits)

    def _known(self, visit: Visit) -> ApiKey:
        """Find the key that a form is about; raises UnknownAddress."""
        for key in self._keys(visit):
            if key.prefix == visit.form["prefix"] and key.is_live(visit.now):
                return key
        raise UnknownAddress
