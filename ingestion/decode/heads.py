"""The beginning of a unit as a unit of its own: what samples are read from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ingestion.decode.csv_files import LONGEST_RECORD
from ingestion.decode.json_array import lines_of_json
from ingestion.decode.recognition import recognised
from ingestion.decode.streams import READ_ERRORS, Stream, open_text, unreadable
from ingestion.mapping.file_shape import FileShape
from ingestion.source.unit import Unit

BOM = b"\xef\xbb\xbf"


def head_of(unit: Unit, shape: FileShape, scratch: Path, size: int) -> tuple[Unit, bool]:
    """A unit's first records, and whether they are all.

    What is short is the unit itself, and so is Parquet. Of what is longer a copy is made, in UTF-8,
    that ends where a record ends.

    Args:
        unit: any one.
        shape: how it is written.
        scratch: a folder for the copy.
        size: bytes of it, unpacked.

    Raises:
        UserError: it cannot be read, or is nothing that is known.
    """
    known = unit if unit.is_known else recognised(unit, shape)
    if known.format == "parquet":
        return replace(unit, is_copy=False), True
    try:
        with open_text(unit.path, shape.encoding) as text:
            lines = lines_of_json(text, known.format)
            head = _first_bytes(lines, size)
    except READ_ERRORS as error:
        raise unreadable(unit, error) from error
    if len(head) < size:
        return replace(unit, is_copy=False), True
    place = scratch / f"head-{unit.number}-{unit.path.name}"
    is_csv = known.format in ("csv", "tsv")
    place.write_bytes(BOM + _whole(head, *_quoting(shape) if is_csv else (b"", b"")))
    kind = known.format if is_csv else "jsonl"
    return replace(unit, path=place, format=kind, is_known=True, is_copy=False), False


def _first_bytes(stream: Stream, size: int) -> bytes:
    head = bytearray()
    while len(head) < size and (chunk := stream.read(size - len(head))):
        head += chunk
    return bytes(head)


def _quoting(shape: FileShape) -> tuple[bytes, bytes]:
    """What quotes a field of CSV, and what stands before a quote that does not end it."""
    return shape.quote.encode(), shape.escape.replace(shape.quote, "").encode()


def _whole(head: bytes, quote: bytes, escape: bytes) -> bytes:
    """Without the record that is cut: in CSV its quotes may go over several lines."""
    escaped = re.compile(re.escape(escape) + b".", re.DOTALL)
    head = head.removeprefix(BOM)
    for _ in range(LONGEST_RECORD):
        end = max(head.rfind(b"\n"), head.rfind(b"\r"))
        if end < 0:
            return head
        head = head[:end]
        quotes = escaped.sub(b"", head) if escape else head
        if not quote or quotes.count(quote) % 2 == 0:
            return head + b"\n"
    return head + b"\n"
