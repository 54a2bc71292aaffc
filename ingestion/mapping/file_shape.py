"""What a mapping's `[files]` and `[files.profiles]` say of files that do not say it themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import UserError


@dataclass(frozen=True)
class FileShape:
    r"""How files are written.

    `delimiter`: between the fields of CSV; "" for the format's own, a comma or a tab. `quote`:
    around a field; "" for none. `escape`: before a quote in a quoted field; "" where it is doubled.
    `encoding`: of CSV and JSON that have no byte order mark.
    `header`: whether the first line of CSV names the columns. `columns`: their names, instead of
    those in a header.
    """

    delimiter: str = ""
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    header: bool = True
    columns: tuple[str, ...] = ()


def file_shapes(where: str, section: dict[str, Any]) -> tuple[FileShape, FileShape]:
    """How files of events are written, and those of profiles, which are like them unless the
    table `profiles` says otherwise.

    Args:
        where: the setting that named the mapping, for messages.
        section: `[files]` as TOML has it.

    Raises:
        UserError: a setting is unknown, or its value cannot be.
    """
    events = {name: value for name, value in section.items() if name != "profiles"}
    profiles = section.get("profiles", {})
    if not isinstance(profiles, dict):
        raise UserError(f"{where}: [files] profiles = {profiles!r} is not a table")
    return (
        _file_shape(f"{where}: [files]", events),
        _file_shape(f"{where}: [files.profiles]", events | profiles),
    )


def _file_shape(where: str, section: dict[str, Any]) -> FileShape:
    """One table, checked."""
    unknown = section.keys() - FileShape.__dataclass_fields__.keys()
    if unknown:
        raise UserError(f"{where} has unknown settings {', '.join(sorted(unknown))}")
    shape = FileShape(**section | {"columns": _names(where, section.get("columns", []))})
    _check_signs(where, shape)
    if not isinstance(shape.header, bool):
        raise _refused(where, "header", shape.header, "true or false")
    if not shape.header and not shape.columns:
        raise UserError(f"{where} header = false needs columns, their names in order")
    if not _is_encoding(shape.encoding):
        raise _refused(where, "encoding", shape.encoding, "an encoding of text that Python knows")
    return shape


def _check_signs(where: str, shape: FileShape) -> None:
    """The signs around, between and in fields: each one, and different where they have to be."""
    for setting in ("delimiter", "quote", "escape"):
        value = getattr(shape, setting)
        if value != "" and not _is_separator(value):
            raise _refused(where, setting, value, "one ASCII character that is no letter or digit")
    if shape.quote and shape.quote == (shape.delimiter or ","):
        raise _refused(where, "quote", shape.quote, "another character than the delimiter")
    if shape.escape and not shape.quote:
        raise UserError(f"{where} escape = {shape.escape!r} is before quotes, and quote is none")
    if shape.escape and shape.escape == (shape.delimiter or ","):
        raise _refused(where, "escape", shape.escape, "another character than the delimiter")


def _names(where: str, columns: object) -> tuple[str, ...]:
    """The columns' names; DuckDB does not tell upper from lower case."""
    is_list = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    names = tuple(columns) if isinstance(columns, list) and is_list else ()
    if not is_list or "" in names or len({name.lower() for name in names}) < len(names):
        raise _refused(where, "columns", columns, "a list of names, each once in any case")
    return names


def _is_separator(value: object) -> bool:
    if not isinstance(value, str) or len(value) != 1:
        return False
    return value.isascii() and not value.isalnum() and value not in "\r\n\0"


def _is_encoding(value: object) -> bool:
    try:
        return isinstance(value, str) and "a".encode(value).decode(value) == "a"
    except (LookupError, UnicodeError, ValueError):
        return False


def _refused(where: str, setting: str, value: object, wanted: str) -> UserError:
    return UserError(f"{where} {setting} = {value!r} is not {wanted}")
