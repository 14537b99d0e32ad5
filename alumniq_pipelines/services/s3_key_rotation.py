"""The use case: customers' S3 keys turn over, new on the 10th and the old one off on the 20th."""

from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.encryption import Seal
from alumniq_pipelines.adapters.iam import AccessKeys
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.s3_keys import S3Key, turn_due, user_name
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice


@dataclass(frozen=True, slots=True)
class Rotated:
    """What one look did."""

    made: int = 0
    warned: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Rotation:
    """Looks at every customer; harmless to repeat, whenever it crashed before.

    A pair that was made and not kept is taken away at the next look: nobody was told its secret.
    """

    ledger: Ledger
    store: AccessKeys
    seal: Seal

    @property
    def keys(self) -> S3Keys:
        """Where the ledger keeps them."""
        return S3Keys(self.ledger.database, self.ledger.audit)

    def look(self, now: datetime) -> Rotated:
        """Do what is due for all customers."""
        done = [
            self._turn(customer, environment, now)
            for customer in self.ledger.customers.all()
            for environment in Environment
        ]
        return Rotated(*(sum(each) for each in zip(*done, strict=True))) if done else Rotated()

    def _turn(
        self, customer: Customer, environment: Environment, now: datetime
    ) -> tuple[int, int, int]:
        user = user_name(customer.id, environment)
        keys = self.keys.of(user)
        turn = turn_due(keys, now)
        newest = max((key.created_at for key in keys), default=now)
        warned = sum(self._warn(each, now) for each in turn.warn if self._is_used(each, newest))
        for old in turn.end:
            self.store.deactivate(user, old.access_key_id)
            self.keys.deactivate(old, now)
        if turn.make:
            for each in self.store.unknown(user, {key.access_key_id for key in keys}):
                self.store.forget(user, each)
            self._make(customer, environment, now)
        return int(turn.make), warned, len(turn.end)

    def _make(self, customer: Customer, environment: Environment, now: datetime) -> None:
        user = user_name(customer.id, environment)
        key_id, secret = self.store.make(user, customer.bucket, environment)
        key = S3Key(key_id, customer.id, user, self.seal.closed(secret), now)
        subject = f"A new S3 key is ready ({customer.id}, {environment})"
        text = (
            f"The S3 key {key_id} is ready for {environment}.\n\n"
            "What to do: fetch it and use it from now on; the one before ends in ten days:\n\n"
            "Call: POST /api/v1/index.cfm/aws/accesskey, with your API key and accessKeyId\n"
        )
        self.keys.add(key, self._mails(customer.id, subject, text), now)

    def _is_used(self, old: S3Key, since: datetime) -> bool:
        """Whether the old key was used although there was a new one."""
        used = self.store.last_used(old.access_key_id)
        return used is not None and used > since

    def _warn(self, key: S3Key, now: datetime) -> bool:
        subject = f"Your old S3 key is about to end ({key.customer})"
        text = (
            f"The S3 key {key.access_key_id} is still in use, and ends within three days.\n\n"
            "What to do: fetch its successor and use that one.\n"
        )
        return self.keys.warn(key, self._mails(key.customer, subject, text), now)

    def _mails(self, customer: str, subject: str, text: str) -> list[Notice]:
        return [
            Notice(Channel.MAIL, address, text, subject, audience=Audience.CUSTOMER)
            for address in self.keys.reminded(customer)
        ]
