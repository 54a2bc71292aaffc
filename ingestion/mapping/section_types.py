"""The types of what a mapping says of a table, looked at before anything relies on them."""

from __future__ import annotations

from typing import Any

from core.errors import UserError

LISTS = ("optional", "consumes", "drop", "hash")


def check_types(where: str, table: str, section: dict[str, Any], time_format: str) -> None:
    """Refuse a value that is of another type than its setting.

    Args:
        where: the setting that named the mapping, for messages.
        table: what it is read into.
        section: what TOML says of it, of known settings.
        time_format: the setting that may be a text or a list of texts.

    Raises:
        UserError: a value is of another type.
    """
    said = f"{where}: {table}"
    for name, value in section.items():
        if name == "fields":
            continue
        if name in LISTS:
            is_right, wanted = _are_texts(value), "a list of texts"
        elif name == time_format:
            is_right, wanted = _is_place(value), "a text, or a list of texts"
        else:
            is_right, wanted = isinstance(value, str), "a text"
        if not is_right:
            raise UserError(f"{said} has {name} = {value!r}, not {wanted}")
    fields = section.get("fields", {})
    if not isinstance(fields, dict):
        raise UserError(f"{said} has fields = {fields!r}, not a table")
    for name, place in fields.items():
        if not _is_place(place):
            raise UserError(
                f"{said} has {name} = {place!r} in fields, not a text, or a list of texts"
            )


def _is_place(value: Any) -> bool:
    """A text, or several of which the first that fits counts; none of them empty."""
    if isinstance(value, str):
        return value != ""
    return _are_texts(value) and bool(value) and "" not in value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
