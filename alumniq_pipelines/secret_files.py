"""Settings whose value is in a file, as platforms mount secrets."""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from alumniq_pipelines.core.problems.settings import SecretFileUnreadable

PREFIX = "ALUMNIQ_"
FILE_SUFFIX = "_FILE"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `ALUMNIQ_X` from the file that `ALUMNIQ_X_FILE` names, as platforms mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the file's content without its line end, or None if no file is named.

        Raises SecretFileUnreadable.
        """
        del field
        variable = f"{PREFIX}{field_name.upper()}{FILE_SUFFIX}"
        secret_file = os.environ.get(variable)
        if not secret_file:
            return None, field_name, False
        try:
            content = Path(secret_file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:  # ValueError: it is not UTF-8
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise SecretFileUnreadable(variable, secret_file, reason) from None
        return content, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings for which a file is named."""
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}
