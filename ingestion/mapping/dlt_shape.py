"""What a mapping's `[dlt]` says of a source of dlt: which resource is what, and its windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from ingestion.mapping.api_auth import one_of
from ingestion.mapping.api_shape import WINDOWS


@dataclass(frozen=True)
class DltShape:
    """`events`, `profiles`: the names of the resources; "" where there is only one, or none.
    `window`: what `start` and `end` are apart, "hour", "day" or "month"."""

    events: str = ""
    profiles: str = ""
    window: str = "day"

    def resource(self, table: str) -> str:
        """That of "events" or "user_profiles"."""
        return self.events if table == "events" else self.profiles


def read_dlt(section: dict[str, Any], where: str) -> DltShape:
    """The section [dlt] of a mapping.

    Args:
        section: what TOML says.
        where: the mapping, for messages.

    Raises:
        UserError: a setting is unknown or wrong.
    """
    where = f"{where}: [dlt]"
    unknown = section.keys() - DltShape.__dataclass_fields__.keys()
    if unknown:
        raise UserError(f"{where} has unknown settings {', '.join(sorted(unknown))}")
    for name, value in section.items():
        if not isinstance(value, str):
            raise UserError(f"{where} {name} is {value!r}, not a text")
    shape = DltShape(**section)
    one_of(shape.window, WINDOWS, f"{where} window")
    if shape.events and shape.events == shape.profiles:
        raise UserError(f"{where} names {shape.events!r} for events and for profiles")
    return shape
