"""Taking in a webhook call: who calls, what is asked, and the load that is kept for it.

Knows nothing of HTTP. A call is refused with everything that is wrong with it at once; but who has
no key learns nothing except that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ParamSpec, TypeVar

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.addresses import AddressPolicy
from alumniq_pipelines.core.bucket import Bucket, Buckets, StoredFile, folder_of, object_key
from alumniq_pipelines.core.catalog import Catalog
from alumniq_pipelines.core.keys import ApiKey
from alumniq_pipelines.core.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.near_miss import near_miss
from alumniq_pipelines.core.notify_options import check_emails, check_webhook
from alumniq_pipelines.core.problems.request import (
    FileNotInBucket,
    MissingKey,
    RefusedKey,
    RequestProblem,
)
from alumniq_pipelines.core.target import Environment, Target
from webhook_gateway.options import Option, Options

MOST_KEY_CHARACTERS = 200
"""Ours have 51; what is longer is no key, and nobody needs its hash."""

MOST_HINT_CHARACTERS = 100
"""Longer names get no hint: comparing names takes time that grows with their square."""

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


class Refused(Exception):
    """The call is not accepted, for these reasons."""

    def __init__(self, *problems: RequestProblem) -> None:
        """Keep the reasons in the order in which they are told."""
        super().__init__(*problems)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Intake:
    """The use case. Raises OutageProblem where the ledger or the bucket is away."""

    ledger: Ledger
    buckets: Buckets
    catalog: Catalog
    callbacks: AddressPolicy
    _bucket_of: dict[str, Bucket] = field(default_factory=dict, init=False, repr=False)
    """By customer, for good: a customer keeps its bucket for life."""

    def identify(self, options: Options, now: datetime) -> ApiKey:
        """Find the live key of a call; raises Refused."""
        faults = _Faults()
        text = faults.note(options.text, Option.API_KEY)
        if not text:
            raise Refused(*(faults.problems or [options.unreadable or MissingKey()]))
        plain = len(text) <= MOST_KEY_CHARACTERS and text.isascii()
        key = self.ledger.keys.find(text, now) if plain else None
        if key is None:
            raise Refused(RefusedKey())
        return key

    def accept(self, key: ApiKey, job: str, options: Options, now: datetime) -> Load:
        """Keep a load for the call; it is on disk when this returns. Raises Refused."""
        faults = _Faults()
        field_map = faults.note(self.catalog.feed_of_job, job)
        if options.unreadable is not None:
            raise Refused(*faults.problems, options.unreadable)
        filename = faults.note(_filename, options, key.environment)
        # A file is looked for only where there is a job to consume it.
        sought = filename is not None and field_map is not None
        stored = faults.note(self._delivered, key, filename or "") if sought else None
        emails = faults.note(_emails, options)
        url = faults.note(_webhook, options, self.callbacks)
        if not (field_map and filename and stored) or emails is None or url is None:
            raise Refused(*faults.problems)
        target = Target(key.customer, key.environment, field_map.name)
        request = LoadRequest(
            new_job_id(), target, filename, stored.etag, stored.size_bytes, emails, url
        )
        return self.ledger.loads.accept(request, now)

    def _delivered(self, key: ApiKey, filename: str) -> StoredFile:
        """Look at the file in the customer's bucket; raises FileNotInBucket."""
        bucket = self._bucket(key.customer)
        stored = bucket.head(object_key(key.environment, filename))
        if stored is None:
            folder = folder_of(key.environment)
            names = [each.key.removeprefix(folder) for each in bucket.names(folder)]
            raise FileNotInBucket(filename, folder, _near(filename, names))
        return stored

    def _bucket(self, customer: str) -> Bucket:
        if customer not in self._bucket_of:
            name = self.ledger.customers.get(customer).bucket
            self._bucket_of[customer] = self.buckets.open(name)
        return self._bucket_of[customer]


@dataclass(slots=True)
class _Faults:
    """What is wrong with a call, gathered so that all of it is told at once."""

    problems: list[RequestProblem] = field(default_factory=list)

    def note(
        self,
        check: Callable[Arguments, Answer],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer | None:
        """Answer what a check answers, or keep its problem and answer None."""
        try:
            return check(*arguments, **named)
        except RequestProblem as problem:
            self.problems.append(problem)
            return None


def _filename(options: Options, environment: Environment) -> str:
    filename = options.required(Option.FILENAME)
    object_key(environment, filename)
    return filename


def _emails(options: Options) -> str:
    emails = options.text(Option.NOTIFY_EMAIL)
    if emails:
        check_emails(emails)
    return emails


def _webhook(options: Options, callbacks: AddressPolicy) -> str:
    url = options.text(Option.NOTIFY_WEBHOOK)
    if url:
        check_webhook(url, callbacks)
    return url


def _near(filename: str, names: list[str]) -> tuple[str, ...]:
    """Find the name that was probably meant, among those of the key's own folder."""
    if len(filename) > MOST_HINT_CHARACTERS:
        return ()
    near = near_miss(filename, (name for name in names if len(name) <= MOST_HINT_CHARACTERS))
    return () if near is None else (near,)
