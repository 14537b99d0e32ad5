"""The use case: rotate customers' S3 keys; new ones on the 10th, the old ones end on the 20th."""

from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.iam import AccessKeys
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.access.s3_keys import OVERLAP, S3Key, plan_rotation, user_name
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice


@dataclass(frozen=True, slots=True)
class RotationSummary:
    """The number of keys created, warned about and ended."""

    made: int = 0
    warned: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class S3KeyRotation:
    """Rotates the keys of all customers; harmless to repeat, also after a crash.

    A pair that was created but not recorded is deleted by the next run: its secret is lost.
    """

    ledger: Ledger
    store: AccessKeys
    cipher: SecretCipher
    public_urls: PublicUrls

    @property
    def keys(self) -> S3Keys:
        """The keys in the ledger."""
        return S3Keys(self.ledger.database, self.ledger.audit)

    def run(self, now: datetime) -> RotationSummary:
        """Do what is due for all customers, and return what was done."""
        done = [
            self._rotate_user_keys(customer, environment, now)
            for customer in self.ledger.customers.all()
            for environment in Environment
        ]
        return RotationSummary(
            made=sum(summary.made for summary in done),
            warned=sum(summary.warned for summary in done),
            ended=sum(summary.ended for summary in done),
        )

    def _rotate_user_keys(
        self, customer: Customer, environment: Environment, now: datetime
    ) -> RotationSummary:
        user = user_name(customer.id, environment)
        keys = self.keys.of(user)
        plan = plan_rotation(keys, now)
        newest = max((key.created_at for key in keys), default=now)
        warned = 0
        for old in plan.warn:
            used = self.store.last_used(old.access_key_id)
            if used is not None and used > newest:  # although there was a new key by then
                warned += self._warn(old, environment, now)
        for old in plan.end:
            self.store.deactivate(user, old.access_key_id)
            self.keys.deactivate(old, now)
        if plan.make:
            for access_key_id in self.store.unknown(user, {key.access_key_id for key in keys}):
                self.store.delete_key(user, access_key_id)
            has_previous = any(key.is_live for key in keys)
            self._create_key(customer, environment, now, has_previous=has_previous)
        return RotationSummary(made=int(plan.make), warned=warned, ended=len(plan.end))

    def _create_key(
        self, customer: Customer, environment: Environment, now: datetime, *, has_previous: bool
    ) -> None:
        user = user_name(customer.id, environment)
        key_id, secret = self.store.create(user, customer.bucket, environment)
        key = S3Key(
            access_key_id=key_id,
            customer=customer.id,
            user_name=user,
            encrypted_secret=self.cipher.encrypt(secret),
            created_at=now,
        )
        subject = f"New S3 key ready ({customer.id}, {environment})"
        ends = f" Your previous key ends in {OVERLAP.days} days." if has_previous else ""
        text = (
            f"A new S3 key, {key_id}, is ready for {environment}.{ends}\n\n"
            "What to do: fetch the new key and use it from now on.\n\n"
            f"{self._fetch_call(environment)}"
        )
        self.keys.add(key, self._mail_notices(customer.id, subject, text), now)

    def _warn(self, key: S3Key, environment: Environment, now: datetime) -> bool:
        subject = f"Your old S3 key ends soon ({key.customer})"
        text = (
            f"The S3 key {key.access_key_id} is still in use and ends within three days.\n\n"
            "What to do: fetch the new key and use it instead.\n\n"
            f"{self._fetch_call(environment)}"
        )
        return self.keys.warn(key, self._mail_notices(key.customer, subject, text), now)

    def _fetch_call(self, environment: Environment) -> str:
        """Return the line that says how a customer fetches the key of an environment."""
        return (
            f"Call: POST {self.public_urls.of(environment)}/api/v1/index.cfm/aws/accesskey, with "
            "your apiKey and the accessKeyId of your current S3 key\n"
        )

    def _mail_notices(self, customer: str, subject: str, text: str) -> list[Notice]:
        # The same address may be recorded twice, with and without its owner's name.
        addresses = dict.fromkeys(
            address
            for emails in self.keys.reminder_addresses(customer)
            for address in addresses_in(emails)
        )
        return [
            Notice(Channel.MAIL, address, text, subject, audience=Audience.CUSTOMER)
            for address in addresses
        ]
