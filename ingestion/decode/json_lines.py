"""Lines of JSON: blocks of them to landing rows, on every core."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Lock

import duckdb
import pyarrow as pa

from ingestion.decode.folders import filled
from ingestion.decode.line_blocks import LINES, Piece, blocks, lines_of
from ingestion.decode.sampling import sample
from ingestion.decode.session import session
from ingestion.mapping.json_records import json_lines
from ingestion.mapping.reading import Reading
from ingestion.source.unit import Unit

WORKERS = 2
AHEAD = 5  # blocks under way: two that are read, two whose last rows come with the next, one waits
SAMPLED_BLOCKS = 4  # of so many, one is looked at for the report of drift: it takes 4 ms
BATCH_ROWS = 16_384  # of what DuckDB gives: less than a block has, which waits for its last row


def read_lines(units: Iterable[Unit], reading: Reading) -> Iterator[pa.RecordBatch]:
    """All records of the units as landing rows, in the order of the units.

    Raises:
        UserError: a unit cannot be read.
    """
    encoding = reading.mapping.files.encoding
    with ExitStack() as opened:
        projector = _Projector(reading, opened)
        running: deque[Future[list[pa.RecordBatch]]] = deque()
        try:
            for number, block in enumerate(blocks(units, encoding)):
                running.append(projector.submit(block, number % SAMPLED_BLOCKS == 0))
                if len(running) > AHEAD:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:
            for future in running:
                future.cancel()


@dataclass
class _Task:
    """A block to project. `left`: lines of it whose rows have not come yet."""

    block: list[Piece]
    is_sampled: bool
    rows: Future[list[pa.RecordBatch]] = field(default_factory=Future)
    left: int = 0
    done: list[pa.RecordBatch] = field(default_factory=list)


class _Projector:
    """Blocks to landing rows, WORKERS at a time, each with a session of its own.

    A query takes all blocks that wait when it asks for the next one. To plan it for every block
    costs more than a quarter of what it does: 23 ms, of 8 MiB.
    """

    def __init__(self, reading: Reading, opened: ExitStack) -> None:
        self._fields = reading.fields
        self._query = json_lines(reading, "received", "_rejected", "_suspect")
        self._counting = Lock()
        self._waiting: SimpleQueue[_Task] = SimpleQueue()
        self._sessions: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for _ in range(WORKERS):
            self._sessions.put(opened.enter_context(session(threads=1)))
        self._pool = opened.enter_context(ThreadPoolExecutor(WORKERS))

    def submit(self, block: list[Piece], is_sampled: bool) -> Future[list[pa.RecordBatch]]:
        """The landing rows of a block, later; its fields are looked at where it is sampled."""
        task = _Task(block, is_sampled)
        self._waiting.put(task)
        self._pool.submit(self._project)
        return task.rows

    def _project(self) -> None:
        """The rows of the blocks that wait, each given out when it is complete."""
        if (first := self._next()) is None:  # the query before has taken it along
            return
        db = self._sessions.get()
        taken = deque([first])  # before the query is planned: where that fails, somebody waits
        try:
            received = pa.RecordBatchReader.from_batches(LINES, self._received(taken, db))
            db.register("received", received)
            for batch in db.sql(self._query).to_arrow_reader(BATCH_ROWS):
                _hand_out(batch, taken)
            if taken:
                raise RuntimeError(f"{taken[0].left} rows fewer than lines")
        except BaseException as error:
            for task in taken:
                task.rows.set_exception(error)
            raise
        finally:
            self._sessions.put(db)

    def _received(
        self, taken: deque[_Task], db: duckdb.DuckDBPyConnection
    ) -> Iterator[pa.RecordBatch]:
        """The lines of the block taken, and of those that wait. Each row that the query makes is of
        one of them."""
        task: _Task | None = taken[0]
        with db.cursor() as aside:  # the session is busy with the query that asks
            while task:
                lines = _lines(task.block, aside)
                if task.is_sampled:
                    with self._counting:
                        sample(self._fields, aside, lines)
                task.left = len(lines)
                task.block.clear()
                if lines:
                    yield from lines.to_batches()
                else:
                    taken.pop().rows.set_result([])
                if task := self._next():
                    taken.append(task)

    def _next(self) -> _Task | None:
        try:
            task = self._waiting.get_nowait()
        except Empty:
            return None
        return task if task.rows.set_running_or_notify_cancel() else self._next()


def _hand_out(batch: pa.RecordBatch, taken: deque[_Task]) -> None:
    """Give rows to their blocks: they come in the order of the lines."""
    while len(batch):
        task = taken[0]
        rows = batch.slice(0, task.left)
        batch = batch.slice(len(rows))
        task.left -= len(rows)
        task.done.append(rows)
        if not task.left:
            taken.popleft().rows.set_result(task.done)


def _lines(block: list[Piece], db: duckdb.DuckDBPyConnection) -> pa.Table:
    """The lines of a block, with what the folders of their files say."""
    if not any(piece.unit.folders for piece in block):
        return pa.concat_tables([lines_of(piece) for piece in block])
    tables = []
    for folders, pieces in groupby(block, key=lambda piece: piece.unit.folders):
        alike = pa.concat_tables([lines_of(piece) for piece in pieces])
        tables.append(filled(db, alike, folders))
    return pa.concat_tables(tables)
