"""Accepting a webhook call: validate its options and record a load for it.

Independent of HTTP. A refusal lists every problem of the call at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeVar

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.bucket import Bucket, Buckets, StoredFile, object_key
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.recipients import check_emails, check_webhook
from alumniq_pipelines.core.problems.api import (
    IdempotencyKeyReused,
    UnusableDryRun,
    UnusableIdempotencyKey,
)
from alumniq_pipelines.core.problems.filename import UnusableFilename
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from alumniq_pipelines.core.problems.request import RequestProblem
from webhook_gateway.services.bucket_incidents import BucketIncidents
from webhook_gateway.services.bucket_slots import BucketSlots
from webhook_gateway.services.file_lookup import FileLookup
from webhook_gateway.services.load_queries import Scope, Status
from webhook_gateway.services.options import Option, Options
from webhook_gateway.services.refusal import RequestRefused

MAX_IDEMPOTENCY_CHARACTERS = 200

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Accepts webhook calls. Raises OutageProblem if the ledger or the bucket is unavailable."""

    ledger: Ledger
    buckets: Buckets
    status: Status
    callbacks: AddressPolicy
    incidents: BucketIncidents
    _files: FileLookup = field(default_factory=FileLookup, init=False, repr=False)
    _bucket_of: dict[str, Bucket] = field(default_factory=dict, init=False, repr=False)
    """By customer; never invalidated, because a customer's bucket never changes."""
    _slots_of: dict[str, BucketSlots] = field(default_factory=dict, init=False, repr=False)
    """By customer."""

    def read(self, key: ApiKey, job: str, options: Options) -> LoadRequest | Load:
        """Return the load to record for a call, or the load of an earlier call that it repeats.

        A call repeats an earlier one if both have the same idempotency key and the same options.
        Raises RequestRefused.
        """
        collector = _ProblemCollector()
        if options.unreadable is not None:
            # No option can be read, but the job is part of the URL and can still be checked.
            collector.collect(self._feed, key, job)
            raise RequestRefused(*collector.problems, options.unreadable)
        field_map = collector.collect(self._feed, key, job)
        filename = collector.collect(_filename, options, key.environment)
        emails = collector.collect(_emails, options)
        url = collector.collect(_webhook, options, self.callbacks)
        dry_run = collector.collect(_dry_run, options)
        idempotency_key = collector.collect(_idempotency_key, options, key)
        if [type(problem) for problem in collector.problems] == [UnusableFilename]:
            # Nothing else is wrong with the call, so it is worth looking for what was meant.
            collector.problems.clear()
            collector.collect(self.find_file, key, options.required(Option.FILENAME))
        if field_map is None or filename is None:
            raise RequestRefused(*collector.problems)
        request_of = partial(
            LoadRequest,
            job_id=new_job_id(),
            target=Target(key.customer, key.environment, field_map.name),
            filename=filename,
            notify_email=emails or "",
            notify_webhook=url or "",
            dry_run=bool(dry_run),
            idempotency_key=idempotency_key,
        )
        # Before looking for the file: a repeated call succeeds even if the file is gone by now.
        if idempotency_key and not collector.problems:
            earlier = self.ledger.loads.by_idempotency_key(idempotency_key)
            if earlier is not None:
                return _existing_load(earlier, request_of(etag=None, size_bytes=None))
        stored = collector.collect(self.find_file, key, filename)
        if stored is None or collector.problems:
            raise RequestRefused(*collector.problems)
        return request_of(etag=stored.etag, size_bytes=stored.size_bytes)

    def save(self, requests: Sequence[LoadRequest], now: datetime) -> Sequence[Load | Exception]:
        """Record a load for each request in one commit; return the loads or what refused them."""
        accepted = self.ledger.loads.accept_all(requests, now)
        results: list[Load | Exception] = []
        for outcome, request in zip(accepted, requests, strict=True):
            if isinstance(outcome, Exception):
                results.append(outcome)
                continue
            try:
                results.append(_existing_load(outcome, request))
            except RequestRefused as refused:
                results.append(refused)
        return results

    def _feed(self, key: ApiKey, job: str) -> FieldMap:
        """Return the field map of a job; raises UnknownJob and JobNotOfKey."""
        return self.status.field_map(Scope.of(key), job)

    def find_file(self, key: ApiKey, filename: str) -> StoredFile:
        """Find a file in the customer's bucket; raises UnusableFilename and FileNotInBucket.

        And FileArchivedByStore and FileEncryptedByCustomer, if nobody can read it as it is.
        """
        try:
            with self.slots(key.customer).lookup():
                return self._files.find(self.bucket(key.customer), key.environment, filename)
        except BucketUnavailable as problem:
            name = self.ledger.customers.get(key.customer).bucket
            self.incidents.open(name, problem)
            raise

    def slots(self, customer: str) -> BucketSlots:
        """Return the slots for lookups in a customer's bucket."""
        # Looked up first: making slots takes longer than looking for a file.
        slots = self._slots_of.get(customer)
        return slots or self._slots_of.setdefault(customer, BucketSlots())

    def bucket(self, customer: str) -> Bucket:
        """Return a customer's bucket, opened once."""
        if customer not in self._bucket_of:
            name = self.ledger.customers.get(customer).bucket
            self._bucket_of[customer] = self.buckets.open(name)
        return self._bucket_of[customer]


@dataclass(slots=True)
class _ProblemCollector:
    """Collects the problems of a call, so that one refusal can list all of them."""

    problems: list[RequestProblem] = field(default_factory=list)

    def collect(
        self,
        check: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result | None:
        """Return the result of a check, or record its problem and return None."""
        try:
            return check(*arguments, **named)
        except RequestProblem as problem:
            self.problems.append(problem)
            return None


def _filename(options: Options, environment: Environment) -> str:
    """Return the filename if it can be one; whether there is such a file, costs calls of S3."""
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


def _dry_run(options: Options) -> bool:
    text = options.text(Option.DRY_RUN).lower()
    if text not in {"", "true", "false"}:
        raise UnusableDryRun
    return text == "true"


def _idempotency_key(options: Options, key: ApiKey) -> str | None:
    """Return the caller's idempotency key, prefixed so that two callers never share one."""
    text = options.text(Option.IDEMPOTENCY_KEY)
    if len(text) > MAX_IDEMPOTENCY_CHARACTERS or not (text.isascii() and text.isprintable()):
        raise UnusableIdempotencyKey(MAX_IDEMPOTENCY_CHARACTERS)
    return f"{key.customer}/{key.environment}/{text}" if text else None


def _existing_load(accepted: Load, request: LoadRequest) -> Load:
    """Return the load recorded for a request; raises RequestRefused if its options differ.

    The file may have changed in the bucket since: a repeated call still gets the first load.
    """
    existing = accepted.request
    if existing.job_id == request.job_id:
        return accepted
    same = replace(
        request, job_id=existing.job_id, etag=existing.etag, size_bytes=existing.size_bytes
    )
    if existing != same:
        raise RequestRefused(IdempotencyKeyReused())
    return accepted
