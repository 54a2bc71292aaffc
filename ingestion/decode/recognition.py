"""What a file is by its content: its name may say nothing, or something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.errors import UserError
from ingestion.decode.json_array import is_array, is_spread
from ingestion.decode.streams import (
    HEAD_BYTES,
    READ_ERRORS,
    open_bytes,
    open_text,
    packing,
    unreadable,
)
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.mapping import FORMATS
from ingestion.source.unit import Unit

JSON = ("jsonl", "json_array", "json_objects")
PARQUET = b"PAR1"
# What is neither of ours nor text. Of its bytes records would be made, all of them quarantined.
OTHERS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"Obj\x01": "Avro",
    b"ARROW1": "Arrow",
}
_BLANK = b"\xef\xbb\xbf \t\r\n"
_CONTROL = bytes(set(range(32)) - set(b"\t\r\n\f"))


def recognised(unit: Unit, shape: FileShape) -> Unit:
    """The unit with the format that its content has: "jsonl", "json_array", "json_objects", "csv",
    "tsv" or "parquet".

    Raises:
        UserError: it cannot be read, or is nothing that is known.
    """
    try:
        with open_bytes(unit.path) as stream:
            first = stream.read(HEAD_BYTES)
        if first.startswith(PARQUET):
            return replace(unit, format="parquet")
        for begin, name in OTHERS.items():
            if first.startswith(begin):
                raise _unknown(unit, f"it is {name}; ")
        with open_text(unit.path, shape.encoding) as stream:
            text = stream.read(HEAD_BYTES)
        is_unpacked = bool(text) and _says_packed(unit) and not packing(unit.path)
    except READ_ERRORS as error:
        raise unreadable(unit, error) from error
    found = _format(unit, text.lstrip(_BLANK))
    if is_unpacked and not _is_text(text, found):
        raise UserError(f"{unit.url} is not valid {Path(unit.name).suffix[1:]} in line 1")
    return replace(unit, format=found)


def _format(unit: Unit, text: bytes) -> str:
    """The format of a text, without blanks before it."""
    json = "json_array" if is_array(text) else "json_objects" if is_spread(text) else "jsonl"
    if unit.format in ("jsonl", "ndjson", "json"):
        return json
    if unit.format in ("csv", "tsv"):
        return json if text.startswith(b'{"') or json != "jsonl" else unit.format
    if text.startswith(b"{") or json == "json_array":
        return json
    if unit.format == "parquet":
        raise UserError(f"{unit.url} is not valid Parquet")
    raise _unknown(unit)


def _unknown(unit: Unit, seen: str = "") -> UserError:
    known = ", ".join(FORMATS)
    return UserError(f"{unit.url} has no known format: {seen}use {known} (or .gz, .zst of them)")


def _says_packed(unit: Unit) -> bool:
    return unit.name.endswith((".gz", ".zst"))


def _is_text(text: bytes, found: str) -> bool:
    """Whether what should be packed is text of its format, and not a damaged file."""
    if found in JSON:
        return text.lstrip(_BLANK).startswith((b"{", b"[")) or not text.strip(_BLANK)
    return text.translate(None, _CONTROL) == text
