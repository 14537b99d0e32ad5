"""What is wrong with the delivery of notifications, for monitoring."""

from collections.abc import Iterator
from datetime import datetime

from alumniq_pipelines.adapters.ledger.health_queries import HealthQueries
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.incident import Condition
from alumniq_pipelines.core.notifications.failure_cause import given_up_advice
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    channel_facts,
    format_result,
)


def delivery_conditions(health: HealthQueries, since: datetime) -> Iterator[Condition]:
    """Yield whether mail can be sent at all, and each destination whose newest was given up."""
    if failure := health.channel_failure(Channel.MAIL):
        yield conditions.mail_unavailable(failure)
    for found in health.undelivered(since):
        about = (found.channel, found.notification_id, found.digest)
        advice = given_up_advice(found.last_result.cause, found.notification_id)
        reason = format_result(found.channel, found.last_result)
        if found.audience is Audience.CUSTOMER:
            yield conditions.undelivered(found.customer, *about, reason, advice)
        else:
            setting = channel_facts(found.channel).staff_setting
            yield conditions.undelivered_to_staff(setting, *about, reason, advice)
