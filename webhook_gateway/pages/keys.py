"""The pages of Security: API keys and S3 keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.keys import ApiKey
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.pages.door import Door, Visit


@dataclass(frozen=True, slots=True)
class KeyPages:
    """The pages."""

    door: Door
    ledger: Ledger

    def index(self, visit: Visit) -> Response:
        """List the keys of the environment: their first characters, use and end."""
        return self._page(visit)

    def rotate(self, visit: Visit) -> Response:
        """Make a key like an old one and show it, this once; the old one works on until it ends."""
        old = self._known(visit)
        secret, _ = self.ledger.keys.issue(
            old.customer, old.environment, visit.now, actor=visit.actor
        )
        return self._page(visit, secret)

    def revoke(self, visit: Visit) -> Response:
        """Take a key out of use at once."""
        old = self._known(visit)
        self.ledger.keys.revoke(old.prefix, visit.now, actor=visit.actor)
        return RedirectResponse("/keys?done=revoked", 303)

    def s3(self, visit: Visit) -> Response:
        """Say where the bucket is and how its keys change."""
        customer = self.ledger.customers.get(visit.scope.customer)
        return self.door.page(visit, "s3_keys.html", "s3-keys", bucket=customer.bucket)

    def _page(self, visit: Visit, secret: str = "") -> Response:
        return self.door.page(visit, "keys.html", "keys", keys=self._keys(visit), secret=secret)

    def _keys(self, visit: Visit) -> Sequence[ApiKey]:
        """List the keys of what is in view; a key that opens some feeds sees none but itself."""
        scope = visit.scope
        return [
            each
            for each in self.ledger.keys.of(scope.customer)
            if each.environment is scope.environment
            and (scope.feeds is None or each.prefix == visit.session.key_prefix)
        ]

    def _known(self, visit: Visit) -> ApiKey:
        """Find the key that a form is about; raises UnknownAddress."""
        for each in self._keys(visit):
            if each.prefix == visit.form["prefix"] and each.is_live(visit.now):
                return each
        raise UnknownAddress
