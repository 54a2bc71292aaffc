"""Lines of JSON: files to blocks of lines, blocks to landing rows on every core.

The lines are cut here and not by DuckDB's CSV reader: any mix of line ends, any byte and any
length of line is then one received record, and memory is a few blocks whatever the file's size.
No row becomes a Python object, except in a block with bytes that are no UTF-8.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from gzip import GzipFile
from io import BufferedReader
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.decode.encodings import open_file, unreadable
from ingestion.decode.session import session
from ingestion.land.drift import Fields
from ingestion.mapping import projection
from ingestion.mapping.json_checks import SUSPECT
from ingestion.mapping.mapping import TableMapping
from ingestion.source.files import DeliveredFile

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
    """Whole lines of one file, or one line that is too long."""

    number: int
    content: bytes
    oversized: bool = False


def read_lines(
    files: list[DeliveredFile],
    mapping: TableMapping,
    source: str,
    started_at: datetime,
    fields: Fields,
) -> Iterator[pa.RecordBatch]:
    """All records of the files as landing rows, a batch a block, in the order of the files.

    Raises:
        UserError: a file cannot be read.
    """
    names = pa.array([Path(file.url).name for file in files])
    days = pa.array([file.day for file in files], pa.date32())
    lines = "(from received where line >= '!' or trim(line, ' \t') <> '')"  # blank is no record
    query = projection.json_lines(mapping, source, lines, started_at, "_rejected", "_suspect")

    def project(pieces: list[_Piece], is_sampled: bool) -> list[pa.RecordBatch]:
        received = pa.concat_tables([_table(piece) for piece in pieces])
        numbers = received["_number"].combine_chunks()
        received = received.append_column("_file", pa.DictionaryArray.from_arrays(numbers, names))
        received = received.append_column("_ingest_date", days.take(numbers))
        db = sessions.get()
        try:
            db.register("received", received)
            if is_sampled:
                with counting:
                    fields.sample(db, received)
            return list(db.sql(query).to_arrow_table().to_batches())
        finally:
            sessions.put(db)

    counting = Lock()
    with ExitStack() as opened:
        sessions: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for _ in range(WORKERS):
            sessions.put(opened.enter_context(session(threads=1)))
        pool = opened.enter_context(ThreadPoolExecutor(WORKERS))
        running: deque[Future[list[pa.RecordBatch]]] = deque()
        try:
            for number, block in enumerate(_blocks(files)):
                running.append(pool.submit(project, block, number % SAMPLED_BLOCKS == 0))
                if len(running) > AHEAD:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def _blocks(files: list[DeliveredFile]) -> Iterator[list[_Piece]]:
    """The files' pieces, as many small ones together as make a block."""
    block: list[_Piece] = []
    size = 0
    for number, file in enumerate(files):
        try:
            with open_file(file.path) as handle:
                for piece in _pieces(handle, number):
                    block.append(piece)
                    size += len(piece.content)
                    if size >= BLOCK_BYTES:
                        yield block
                        block, size = [], 0
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(file, error) from error
    if block:
        yield block


def _pieces(handle: GzipFile | BufferedReader, number: int) -> Iterator[_Piece]:
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
            yield from _cut(content[:end], number)
    if left:
        yield from _cut(left, number)


def _cut(content: bytes, number: int) -> Iterator[_Piece]:
    """Lines as one piece, and the first apart where it is too long: no other can be, they are
    from one read."""
    if len(content) > MAX_LINE_BYTES:
        ends = [at for at in (content.find(b"\n"), content.find(b"\r")) if at >= 0]
        end = min(ends, default=len(content))
        if end > MAX_LINE_BYTES:
            yield _Piece(number, content[:end][:MAX_KEPT_BYTES], oversized=True)
            content = content[end:]
    yield _Piece(number, content)


def _table(piece: _Piece) -> pa.Table:
    """The lines of a piece: text, file number, and the reason where a line is rejected."""
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
        rejected = pa.array(["oversized_record"])
    numbers = pa.repeat(pa.scalar(piece.number, pa.int32()), len(lines))
    suspect = pc.match_substring_regex(text, SUSPECT)
    columns = {"line": text, "_number": numbers, "_rejected": rejected, "_suspect": suspect}
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
            rejected.append("invalid_encoding")
    return pa.array(text, pa.string()), pa.array(rejected, pa.string())
