"""The options of a webhook call, wherever in the request they stand and however they are spelt."""

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
"""Names and values as they were sent; a value may be of any type that JSON knows."""


class Option(StrEnum):
    """The options, as the contract writes them in its answers."""

    API_KEY = "ApiKey"
    FILENAME = "Filename"
    NOTIFY_EMAIL = "NotifyEmail"
    NOTIFY_WEBHOOK = "NotifyWebhook"
    DRY_RUN = "DryRun"
    IDEMPOTENCY_KEY = "Idempotency-Key"
    EMAIL_ADDRESS = "EmailAddress"
    ACCESS_KEY_ID = "AccessKeyId"


BY_NAME = {option.lower(): option for option in Option}
"""Names are matched without regard to case: the documented service always did."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was sent: trimmed texts, and what is wrong with the rest."""

    texts: Mapping[Option, str] = field(default_factory=dict)
    faults: Mapping[Option, RequestProblem] = field(default_factory=dict)
    unreadable: RequestProblem | None = None

    def text(self, option: Option) -> str:
        """Answer an option, empty where it is absent or blank; raises what is wrong with it."""
        if option in self.texts:
            return self.texts[option]
        if option in self.faults:
            raise self.faults[option]
        return ""

    def required(self, option: Option) -> str:
        """Answer an option that must be there; raises MissingOption too."""
        text = self.text(option)
        if not text:
            raise MissingOption(option)
        return text


def options_from(*sources: Pairs, unreadable: RequestProblem | None = None) -> Options:
    """Gather the options; where two sources have one, the earlier source counts.

    Within a source an option counts once: two different values leave open what was meant.
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
    """Sort the values that say something by option; null and blank mean absent."""
    recognized: dict[Option, list[object]] = {}
    for name, value in source:
        option = BY_NAME.get(name.lower())
        # JSON has words of its own for what this one option says.
        is_json_boolean = option is Option.DRY_RUN and isinstance(value, bool)
        trimmed = str(value).strip() if isinstance(value, str) or is_json_boolean else value
        if option is not None and trimmed not in (None, ""):
            recognized.setdefault(option, []).append(trimmed)
    return recognized
