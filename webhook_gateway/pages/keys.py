"""The pages for API keys and S3 keys."""

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
    """The handlers of these pages."""

    guard: PageGuard
    ledger: Ledger
    key_service: KeyService

    def index(self, visit: Visit) -> Response:
        """List the keys of the environment: first characters, last use and expiry."""
        return self._page(visit)

    def rotate(self, visit: Visit) -> Response:
        """Create a key with the same limits and show it once; the old key works on for a while."""
        old = self._known(visit)
        made_by = MadeBy.STAFF if visit.session.staff else MadeBy.PAGES
        secret = self.key_service.rotate(old, visit.now, made_by=made_by, actor=visit.actor)
        return self._page(visit, secret)

    def revoke(self, visit: Visit) -> Response:
        """Revoke a key with immediate effect."""
        old = self._known(visit)
        self.ledger.keys.revoke(old.prefix, visit.now, actor=visit.actor)
        return RedirectResponse("/keys?done=revoked", 303)

    def s3(self, visit: Visit) -> Response:
        """Show the name of the bucket, its S3 keys, and how they are rotated.

        S3 keys give access to the files of all feeds, so a session limited to some feeds sees none.
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
        """List the visible keys that allow no more than the session itself."""
        return self.key_service.of(visit.scope, visit.session.limits, visit.now)

    def _known(self, visit: Visit) -> ApiKey:
        """Return the key that a form refers to; raises UnknownAddress."""
        for key in self._keys(visit):
            if key.prefix == visit.form["prefix"] and key.is_live(visit.now):
                return key
        raise UnknownAddress
