"""Text of lines, cut into blocks of whole lines, and those as Arrow tables.

The lines are cut here and not by DuckDB's CSV reader: any mix of line ends, any byte and any
length of line is then one received record, and memory is a few blocks whatever the file's size.
No row becomes a Python object, except in a block with bytes that are no UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.decode.json_array import lines_of_json
from ingestion.decode.streams import READ_ERRORS, Stream, open_text, unreadable
from ingestion.mapping.json_checks import SUSPECT
from ingestion.mapping.reasons import Reason
from ingestion.source.unit import Unit

# Smaller blocks cost a query each, larger ones memory: with 16 MiB the peak was 791 MB, not 605.
READ_BYTES = 8 * 2**20
BLOCK_BYTES = 6 * 2**20  # less than a read, which ends inside a line: two would make it 16 MiB
# A longer record is quarantined, not parsed: parsing takes several times its size in memory.
MAX_LINE_BYTES = 16 * 2**20  # at least READ_BYTES, see _cut
# The quarantine keeps this much of it: jsonb ends at 256 MiB a string, a NUL becomes 6 characters.
MAX_KEPT_BYTES = 32 * 2**20
LINES = pa.schema(
    {
        "line": pa.string(),
        "_file": pa.string(),
        "_ingest_date": pa.date32(),
        "_unit": pa.int32(),
        "_rejected": pa.string(),
        "_suspect": pa.bool_(),
    }
)
BOM = b"\xef\xbb\xbf"


@dataclass
class Piece:
    """Whole lines of one unit, or one line that is too long."""

    unit: Unit
    content: bytes
    oversized: bool = False


def blocks(units: Iterable[Unit], encoding: str) -> Iterator[list[Piece]]:
    """The units' pieces, as many small ones together as make a block."""
    block: list[Piece] = []
    size = 0
    for unit in units:
        try:
            with open_text(unit.path, "utf-8" if unit.is_known else encoding) as text:
                lines = lines_of_json(text, unit.format)
                for piece in _pieces(lines, unit):
                    block.append(piece)
                    size += len(piece.content)
                    if size >= BLOCK_BYTES:
                        yield block
                        block, size = [], 0
        except READ_ERRORS as error:
            raise unreadable(unit, error) from error
        unit.remove()
    if block:
        yield block


def _pieces(handle: Stream, unit: Unit) -> Iterator[Piece]:
    """A file in pieces that end where a line ends."""
    left = b""  # the beginning of a line
    is_first = True
    while read := handle.read(READ_BYTES):
        content = left + read if left else read
        if is_first:
            content, is_first = content.removeprefix(BOM), False
        end = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
        left = content[end:][:MAX_KEPT_BYTES]
        if end:
            yield from _cut(content[:end], unit)
    if left:
        yield from _cut(left, unit)


def _cut(content: bytes, unit: Unit) -> Iterator[Piece]:
    """Lines as one piece, and the first apart where it is too long: no other can be, they are
    from one read."""
    if len(content) > MAX_LINE_BYTES:
        ends = [at for at in (content.find(b"\n"), content.find(b"\r")) if at >= 0]
        end = min(ends, default=len(content))
        if end > MAX_LINE_BYTES:
            yield Piece(unit, content[:end][:MAX_KEPT_BYTES], oversized=True)
            content = content[end:]
    yield Piece(unit, content)


def lines_of(piece: Piece) -> pa.Table:
    """The lines of a piece that are not blank, with the columns of LINES: text, the file's name and
    day, the reason where a line is rejected, and whether it needs a closer look."""
    content = piece.content
    if b"\r" in content and not piece.oversized:
        content = content.replace(b"\r", b"\n")  # a blank line more, which is no record
    # The last line end would make a blank line, and taking that out a copy of all others.
    content = content.removesuffix(b"\n")
    lines = pc.split_pattern(pa.array([content], pa.binary()), b"\n").flatten()
    rejected = pa.nulls(len(lines), pa.string())
    try:
        text = lines.cast(pa.string())
    except pa.ArrowInvalid:
        text, rejected = _decoded(lines)
    if piece.oversized:
        rejected = pa.array([Reason.OVERSIZED_RECORD.value])
    columns = {
        "line": text,
        "_file": pa.repeat(pa.scalar(piece.unit.name, pa.string()), len(lines)),
        "_ingest_date": pa.repeat(pa.scalar(piece.unit.day, pa.date32()), len(lines)),
        "_unit": pa.repeat(pa.scalar(piece.unit.number, pa.int32()), len(lines)),
        "_rejected": rejected,
        "_suspect": pc.match_substring_regex(text, SUSPECT),
    }
    table = pa.table(columns, LINES)
    may_be_blank = pc.less(text, "!")
    if not pc.any(may_be_blank).as_py():
        return table
    return table.filter(pc.not_equal(pc.utf8_trim(text, " \t"), ""))  # blank is no record


def _decoded(lines: pa.BinaryArray) -> tuple[pa.StringArray, pa.StringArray]:
    r"""Lines of which some are no UTF-8: those keep their bytes as `\xff`."""
    text: list[str] = []
    rejected: list[str | None] = []
    for line in lines.to_pylist():
        try:
            text.append(line.decode())
            rejected.append(None)
        except UnicodeDecodeError:
            text.append(line.decode(errors="backslashreplace"))
            rejected.append(Reason.INVALID_ENCODING)
    return pa.array(text, pa.string()), pa.array(rejected, pa.string())
