"""Lines of JSON: units to blocks of lines, blocks to landing rows on every core.

The lines are cut here and not by DuckDB's CSV reader: any mix of line ends, any byte and any
length of line is then one received record, and memory is a few blocks whatever the file's size.
No row becomes a Python object, except in a block with bytes that are no UTF-8.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from queue import SimpleQueue
from threading import Lock

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.decode.folders import filled
from ingestion.decode.json_array import ArrayLines
from ingestion.decode.sampling import sample
from ingestion.decode.session import session
from ingestion.decode.streams import READ_ERRORS, Stream, open_text, unreadable
from ingestion.mapping.json_checks import SUSPECT
from ingestion.mapping.json_records import json_lines
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason
from ingestion.source.unit import Unit

WORKERS = 2
AHEAD = 3  # blocks under way while one is written: then no worker waits for the next
# Smaller blocks cost a query each, larger ones memory: with 16 MiB the peak was 791 MB, not 605.
READ_BYTES = 8 * 2**20
BLOCK_BYTES = 6 * 2**20  # less than a read, which ends inside a line: two would make it 16 MiB
# A longer record is quarantined, not parsed: parsing takes several times its size in memory.
MAX_LINE_BYTES = 16 * 2**20  # at least READ_BYTES, see _cut
# The quarantine keeps this much of it: jsonb ends at 256 MiB a string, a NUL becomes 6 characters.
MAX_KEPT_BYTES = 32 * 2**20
SAMPLED_BLOCKS = 4  # of so many, one is looked at for the report of drift: it takes 4 ms
BOM = b"\xef\xbb\xbf"


@dataclass
class _Piece:
    """Whole lines of one unit, or one line that is too long."""

    unit: Unit
    content: bytes
    oversized: bool = False


def read_lines(units: Iterable[Unit], reading: Reading) -> Iterator[pa.RecordBatch]:
    """All records of the units as landing rows, a batch a block, in the order of the units.

    Raises:
        UserError: a unit cannot be read.
    """
    encoding = reading.mapping.files.encoding
    with ExitStack() as opened:
        projector = _Projector(reading, opened)
        pool = opened.enter_context(ThreadPoolExecutor(WORKERS))
        running: deque[Future[list[pa.RecordBatch]]] = deque()
        try:
            for number, block in enumerate(_blocks(units, encoding)):
                is_sampled = number % SAMPLED_BLOCKS == 0
                running.append(pool.submit(projector.project, block, is_sampled))
                if len(running) > AHEAD:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:
            for future in running:
                future.cancel()


class _Projector:
    """Blocks to landing rows, WORKERS at a time, each with a session of its own."""

    def __init__(self, reading: Reading, opened: ExitStack) -> None:
        self._fields = reading.fields
        lines = "(from received where line >= '!' or trim(line, ' \t') <> '')"  # blank is no record
        self._query = json_lines(reading, lines, "_rejected", "_suspect")
        self._counting = Lock()
        self._sessions: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for _ in range(WORKERS):
            self._sessions.put(opened.enter_context(session(threads=1)))

    def project(self, block: list[_Piece], is_sampled: bool) -> list[pa.RecordBatch]:
        """The landing rows of a block; its fields are looked at where it is sampled."""
        db = self._sessions.get()
        try:
            received = _received(block, db)
            db.register("received", received)
            if is_sampled:
                with self._counting:
                    sample(self._fields, db, received)
            return list(db.sql(self._query).to_arrow_table().to_batches())
        finally:
            self._sessions.put(db)


def _received(block: list[_Piece], db: duckdb.DuckDBPyConnection) -> pa.Table:
    """The lines of a block, with what the folders of their files say."""
    if not any(piece.unit.folders for piece in block):
        return pa.concat_tables([_table(piece) for piece in block])
    tables = []
    for folders, pieces in groupby(block, key=lambda piece: piece.unit.folders):
        alike = pa.concat_tables([_table(piece) for piece in pieces])
        tables.append(filled(db, alike, folders))
    return pa.concat_tables(tables)


def _blocks(units: Iterable[Unit], encoding: str) -> Iterator[list[_Piece]]:
    """The units' pieces, as many small ones together as make a block."""
    block: list[_Piece] = []
    size = 0
    for unit in units:
        try:
            with open_text(unit.path, "utf-8" if unit.is_known else encoding) as text:
                lines = ArrayLines(text) if unit.format == "json_array" else text
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


def _pieces(handle: Stream, unit: Unit) -> Iterator[_Piece]:
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


def _cut(content: bytes, unit: Unit) -> Iterator[_Piece]:
    """Lines as one piece, and the first apart where it is too long: no other can be, they are
    from one read."""
    if len(content) > MAX_LINE_BYTES:
        ends = [at for at in (content.find(b"\n"), content.find(b"\r")) if at >= 0]
        end = min(ends, default=len(content))
        if end > MAX_LINE_BYTES:
            yield _Piece(unit, content[:end][:MAX_KEPT_BYTES], oversized=True)
            content = content[end:]
    yield _Piece(unit, content)


def _table(piece: _Piece) -> pa.Table:
    """The lines of a piece: text, the file's name and day, the reason where a line is rejected, and
    whether it needs a closer look."""
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
    zeros = pa.repeat(pa.scalar(0, pa.int8()), len(lines))
    columns = {
        "line": text,
        "_file": pa.DictionaryArray.from_arrays(zeros, pa.array([piece.unit.name])),
        "_ingest_date": pa.repeat(pa.scalar(piece.unit.day, pa.date32()), len(lines)),
        "_unit": pa.repeat(pa.scalar(piece.unit.number, pa.int32()), len(lines)),
        "_rejected": rejected,
        "_suspect": pc.match_substring_regex(text, SUSPECT),
    }
    is_line = pc.greater(pc.binary_length(lines), 0)
    table = pa.table(columns)
    return table if pc.all(is_line).as_py() else table.filter(is_line)


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
