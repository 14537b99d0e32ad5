"""Staff as the settings name them."""

from alumniq_pipelines.core.notices import addresses_in
from alumniq_pipelines.core.staff import Staff
from alumniq_pipelines.settings import Settings


def staff_of(settings: Settings) -> Staff:
    """Answer on which channels staff are told."""
    return Staff(addresses_in(settings.staff_email), has_chat=settings.staff_webhook is not None)
