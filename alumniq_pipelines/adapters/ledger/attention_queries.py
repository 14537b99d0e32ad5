"""Queries of the staff dashboard: a fixed number of them, however many customers there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import load_of
from alumniq_pipelines.adapters.ledger.tables import api_keys, customers, holds, incidents, loads
from alumniq_pipelines.adapters.ledger.targets import same_target
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.attention import (
    EXPIRES_NOW,
    EXPIRES_SOON,
    AttentionItem,
    Concern,
    Urgency,
)

MAX_FAILED_LOADS = 2_000
"""Of these, the newest, those are listed that no later load of their table followed: at 14,000
loads a day, failures of some days. A table that failed before has stopped delivering."""
UNCONCERNED = len(Urgency)


@dataclass(frozen=True)
class AttentionQueries:
    """Read-only queries over all customers."""

    database: Database

    def items(
        self, now: datetime, *, search: str = "", limit: int, offset: int = 0
    ) -> Sequence[AttentionItem]:
        """List what needs attention: by urgency, then production before QA, then oldest first."""
        found = _items(now).subquery()
        query = (
            select(found)
            .order_by(
                found.c.urgency,
                case((found.c.environment == Environment.QA, 1), else_=0),
                found.c.since,
                found.c.id,
            )
            .limit(limit)
            .offset(offset)
        )
        if search:
            query = query.where(found.c.customer.in_(_matching(search)))
        with self.database.reading() as connection:
            return [
                AttentionItem(
                    concern=Concern(row.concern),
                    id=row.id,
                    urgency=Urgency(row.urgency),
                    since=row.since,
                    customer=row.customer,
                    environment=row.environment,
                )
                for row in connection.execute(query)
            ]

    def customers(
        self, now: datetime, *, search: str = "", limit: int, offset: int = 0
    ) -> Sequence[Customer]:
        """List customers: first those that need attention, most urgent first, then by id."""
        found = _items(now).subquery()
        concerned = (
            select(found.c.customer, func.min(found.c.urgency).label("urgency"))
            .group_by(found.c.customer)
            .subquery()
        )
        query = (
            select(customers.c.id, customers.c.name, customers.c.bucket)
            .outerjoin(concerned, concerned.c.customer == customers.c.id)
            .order_by(func.coalesce(concerned.c.urgency, UNCONCERNED), customers.c.id)
            .limit(limit)
            .offset(offset)
        )
        if search:
            query = query.where(customers.c.id.in_(_matching(search)))
        with self.database.reading() as connection:
            return [Customer(*row) for row in connection.execute(query)]

    def newest_loads(self, customer_ids: Collection[str]) -> Mapping[tuple[str, Environment], Load]:
        """Return the newest load of each environment of these customers that has one."""
        newest = (
            select(func.max(loads.c.number))
            .where(loads.c.customer.in_(customer_ids))
            .group_by(loads.c.customer, loads.c.environment)
        )
        query = select(loads).where(loads.c.number.in_(newest))
        with self.database.reading() as connection:
            found = [load_of(row) for row in connection.execute(query).mappings()]
        return {(load.target.customer, load.target.environment): load for load in found}

    def environments_with_keys(self, customer_ids: Collection[str]) -> set[tuple[str, Environment]]:
        """Return the environments of these customers that ever had an API key."""
        query = (
            select(api_keys.c.customer, api_keys.c.environment)
            .where(api_keys.c.customer.in_(customer_ids))
            .distinct()
        )
        with self.database.reading() as connection:
            return {(row.customer, row.environment) for row in connection.execute(query)}

    def held_until(
        self, job_ids: Collection[JobId]
    ) -> Mapping[JobId, tuple[datetime, Sequence[str]]]:
        """Return until when each of these loads waits for approval, and why it is held."""
        # Holds are not read as a whole: each has a field map, which takes milliseconds to read.
        query = select(holds.c.job_id, holds.c.expires_at, holds.c.reasons).where(
            holds.c.job_id.in_(job_ids)
        )
        with self.database.reading() as connection:
            return {
                JobId(row.job_id): (row.expires_at, row.reasons)
                for row in connection.execute(query)
            }


def _items(now: datetime) -> CompoundSelect[Any]:
    return union_all(_incidents(), _held_loads(), _failing_feeds(), _expiring_keys(now))


def _incidents() -> Select[Any]:
    return select(
        literal(Concern.INCIDENT.value).label("concern"),
        cast(incidents.c.id, String).label("id"),
        literal(Urgency.NOW.value).label("urgency"),
        incidents.c.opened_at.label("since"),
        incidents.c.customer,
        incidents.c.environment,
    ).where(incidents.c.closed_at.is_(None))


def _held_loads() -> Select[Any]:
    return (
        select(
            literal(Concern.HELD_LOAD.value),
            loads.c.job_id,
            _urgency(loads.c.environment),
            holds.c.held_at,
            loads.c.customer,
            loads.c.environment,
        )
        .join(holds, holds.c.job_id == loads.c.job_id)
        .where(loads.c.state == LoadState.HELD)
    )


def _failing_feeds() -> Select[Any]:
    """Return the query for the loads that failed and that none of their table followed."""
    failed = (
        select(loads)
        .where(loads.c.state == LoadState.FAILED)
        .order_by(loads.c.number.desc())
        .limit(MAX_FAILED_LOADS)
        .subquery()
    )
    later = loads.alias()
    has_later = (
        select(later.c.number)
        .where(same_target(later, failed), later.c.number > failed.c.number)
        .exists()
    )
    return select(
        literal(Concern.FAILING_FEED.value),
        failed.c.job_id,
        _urgency(failed.c.environment),
        func.coalesce(failed.c.ended_at, failed.c.accepted_at),
        failed.c.customer,
        failed.c.environment,
    ).where(~has_later)


def _expiring_keys(now: datetime) -> Select[Any]:
    """Return the query for keys that expire soon, and no key of their environment later."""
    lasting = api_keys.alias()
    has_lasting = (
        select(lasting.c.prefix)
        .where(
            lasting.c.customer == api_keys.c.customer,
            lasting.c.environment == api_keys.c.environment,
            lasting.c.revoked_at.is_(None),
            lasting.c.expires_at >= now + EXPIRES_SOON,
        )
        .exists()
    )
    is_due = api_keys.c.expires_at < now + EXPIRES_NOW
    return select(
        literal(Concern.EXPIRING_KEY.value),
        api_keys.c.prefix,
        case((is_due, Urgency.TODAY.value), else_=Urgency.THIS_MONTH.value),
        api_keys.c.expires_at,
        api_keys.c.customer,
        api_keys.c.environment,
    ).where(
        and_(
            api_keys.c.revoked_at.is_(None),
            api_keys.c.expires_at > now,
            api_keys.c.expires_at < now + EXPIRES_SOON,
        ),
        ~has_lasting,
    )


def _urgency(environment: Any) -> Any:
    return case(
        (environment == Environment.PRODUCTION, Urgency.NOW.value), else_=Urgency.TODAY.value
    )


def _matching(search: str) -> Select[Any]:
    """Return the query for the ids of customers whose id or name contains a text."""
    return select(customers.c.id).where(
        or_(
            customers.c.id.icontains(search, autoescape=True),
            customers.c.name.icontains(search, autoescape=True),
        )
    )
