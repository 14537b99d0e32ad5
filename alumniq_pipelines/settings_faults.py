"""Faults in how settings are given: values that cannot be used, and names that mean nothing."""

import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsError

from alumniq_pipelines.core.problems.settings import UnknownSetting
from alumniq_pipelines.secret_files import FILE_SUFFIX, PREFIX

FIELD = re.compile(r'field "(\w+)"')
"""How a SettingsError names the field that is no JSON; its cause has the value."""
OTHER_VARIABLES = frozenset({"STAFF_PASSWORD", "FAULT_POINTS", "FAULT_RECORDS"})
"""Of commands and tests, which are no settings."""


def value_faults(error: ValidationError | SettingsError) -> Sequence[str]:
    """Return each variable that cannot be used, with the reason but without its value."""
    if isinstance(error, ValidationError):
        return [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
            for fault in error.errors(include_input=False, include_context=False)
            # A default that is made of others: what is wrong with those is listed by itself.
            if fault["type"] != "default_factory_not_called"
        ]
    [field] = FIELD.findall(str(error))
    return [f"{PREFIX}{field.upper()}: input should be JSON"]


def unknown_variables(settings: type[BaseSettings]) -> Iterator[UnknownSetting]:
    """Yield the variables with our prefix that are no setting, in the environment and in .env."""
    known = {f"{PREFIX}{name.upper()}" for name in {*settings.model_fields, *OTHER_VARIABLES}}
    known |= {f"{name}{FILE_SUFFIX}" for name in known}
    found = {name.upper() for name in (*os.environ, *DotEnvSettingsSource(settings).env_vars)}
    for name in sorted(found - known):
        if name.startswith(PREFIX):
            yield UnknownSetting(name, next(iter(get_close_matches(name, known, 1, 0.8)), None))
