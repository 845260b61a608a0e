"""`facegate settings`."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.runtime.console import print_json, print_table
from service.settings import Settings, load_settings
from service.settings.unread import names_of


def show_settings(form: str) -> None:
    """Print name, value, default and help of every setting; secrets only as set or unset."""
    current = load_settings()
    fields = Settings.model_fields.items()
    listed = [_listed(name, field, getattr(current, name)) for name, field in fields]
    if form == "json":
        print_json(listed)
    else:
        print_table(tuple(listed[0]), (tuple(setting.values()) for setting in listed))


def _listed(name: str, field: FieldInfo, value: object) -> dict[str, Any]:
    return {
        "name": names_of(name)[0],
        "value": _shown(value),
        "default": _shown(field.default),
        "help": field.description,
    }


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return "(hidden)"
    if isinstance(value, (tuple, frozenset)):
        return ",".join(sorted(map(str, value)))
    return str(value).lower() if isinstance(value, bool) else str(value)
