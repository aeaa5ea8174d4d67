"""Settings whose values lie in files, as secrets do in containers."""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource


class NamedFiles(PydanticBaseSettingsSource):
    """Values that lie in files, as secrets do in containers."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Read one value; None where no file is named."""
        del field
        variable = f"SYNTHCXR_{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path or variable.removeprefix("SYNTHCXR_").lower() in self.settings_cls.model_fields:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(f"{variable} names a file that cannot be read: {why}.") from error

    def __call__(self) -> dict[str, Any]:
        """Read all values that are named."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            text, _, is_complex = self.get_field_value(field, name)
            if text is not None:
                found[name] = self.prepare_field_value(name, field, text, is_complex)
        return found
