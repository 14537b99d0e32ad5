"""The condition of a destination that nothing reaches, with why the last try failed."""

from alumniq_pipelines.adapters.ledger.health_queries import UndeliveredDestination
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.incident import Condition
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    channel_facts,
    format_result,
)


def undelivered_condition(found: UndeliveredDestination) -> Condition:
    """Return the condition: a customer's receiver, or what a setting of staff names."""
    reason = format_result(found.channel, found.last_result)
    if found.audience is Audience.CUSTOMER:
        return conditions.undelivered(
            found.customer, found.channel, found.notification_id, found.digest, reason
        )
    setting = channel_facts(found.channel).staff_setting
    return conditions.undelivered_to_staff(
        found.channel, setting, found.notification_id, found.digest, reason
    )
