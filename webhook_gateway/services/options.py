"""The options of a call, wherever in the request they are and whatever their letter case."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alumniq_pipelines.core.problems.request import (
    MissingOption,
    OptionNotText,
    RepeatedOption,
    RequestProblem,
)

Pairs = Iterable[tuple[str, object]]
"""Names and values as sent; a value may have any JSON type."""


class Option(StrEnum):
    """The options, spelled as in the error messages of the contract."""

    API_KEY = "ApiKey"
    FILENAME = "Filename"
    NOTIFY_EMAIL = "NotifyEmail"
    NOTIFY_WEBHOOK = "NotifyWebhook"
    DRY_RUN = "DryRun"
    IDEMPOTENCY_KEY = "Idempotency-Key"
    EMAIL_ADDRESS = "EmailAddress"
    ACCESS_KEY_ID = "AccessKeyId"


BY_NAME = {option.lower(): option for option in Option}
"""Names are case-insensitive, as they always were in the documented service."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options that were sent: trimmed texts, and the problems of unusable ones."""

    texts: Mapping[Option, str] = field(default_factory=dict)
    faults: Mapping[Option, RequestProblem] = field(default_factory=dict)
    unreadable: RequestProblem | None = None

    def text(self, option: Option) -> str:
        """Return an option, empty if it is absent or blank; raises its problem if unusable."""
        if option in self.texts:
            return self.texts[option]
        if option in self.faults:
            raise self.faults[option]
        return ""

    def required(self, option: Option) -> str:
        """Return an option; raises MissingOption if it is absent, or its problem."""
        text = self.text(option)
        if not text:
            raise MissingOption(option)
        return text


def options_from(*sources: Pairs, unreadable: RequestProblem | None = None) -> Options:
    """Return the options of several sources; if two have the same option, the first one counts.

    Two different values within one source are a problem, because they leave open what was meant.
    """
    texts: dict[Option, str] = {}
    faults: dict[Option, RequestProblem] = {}
    for source in sources:
        for option, values in _recognized(source).items():
            if option in texts or option in faults:
                continue
            if not all(isinstance(value, str) for value in values):
                faults[option] = OptionNotText(option)
            elif len(set(values)) > 1:
                faults[option] = RepeatedOption(option)
            else:
                texts[option] = str(values[0])
    return Options(texts, faults, unreadable)


def _recognized(source: Pairs) -> Mapping[Option, list[object]]:
    """Return the values of each known option; null and blank values count as absent."""
    recognized: dict[Option, list[object]] = {}
    for name, value in source:
        option = BY_NAME.get(name.lower())
        # DryRun is the only option for which a client may send a JSON boolean instead of a text.
        is_json_boolean = option is Option.DRY_RUN and isinstance(value, bool)
        trimmed = str(value).strip() if isinstance(value, str) or is_json_boolean else value
        if option is not None and trimmed not in (None, ""):
            recognized.setdefault(option, []).append(trimmed)
    return recognized
