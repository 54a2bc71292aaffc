"""CSV files as DuckDB scans them, and what to do where it loses count.

A quote that is never closed makes DuckDB's reader skip lines until the next quote, and its table of
rejects then names another line: of 2,000 damaged records 13 were nowhere. So files with quotes are
counted first, and one with any reject is cut into records here, in Python.
"""

from __future__ import annotations

import csv
import io
import mmap
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal, TextIO, TypedDict

import duckdb

from core.errors import UserError
from ingestion.decode.line_blocks import MAX_LINE_BYTES
from ingestion.decode.quoting import HEADER_BYTES, Quoting, delimiter_of
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.reasons import Reason
from ingestion.source.unit import Unit

# An open quote that is not closed within so many lines is a stray one.
LONGEST_RECORD = 1_000
# A record of the wrong number of fields is kept whole up to so many lines. A longer one has more
# likely swallowed others: then its first line alone is rejected, and the next one begins a record.
LONGEST_REJECT = 10
csv.field_size_limit(MAX_LINE_BYTES)
_Quoting = Literal[0, 1, 3]  # minimal, all, none


class Dialect(TypedDict):
    """Arguments of Python's csv module."""

    delimiter: str
    quotechar: str | None
    quoting: _Quoting


@dataclass(frozen=True)
class Header:
    """How a file is written: the blank lines before its header, the names of its columns, what
    parts its fields and what quotes them ("" for nothing), whether its first line is a header, and
    what ends it ("" where it is all there is)."""

    skip: int
    columns: tuple[str, ...]
    delimiter: str = ","
    quote: str = '"'
    is_named: bool = True
    end: str = ""

    @property
    def dialect(self) -> Dialect:
        """What Python's csv module calls the same."""
        quoting: _Quoting = csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote or None,
            "quoting": quoting,
        }


def header_of(unit: Unit, shape: FileShape) -> Header | None:
    """A file's header; None where there is none, and no record.

    A column without a name is called by its position; one whose name is taken (DuckDB does not
    tell upper from lower case) gets its position appended.

    Raises:
        UserError: it cannot be read.
    """
    with unit.path.open("rb") as handle:
        head = handle.read(HEADER_BYTES)
    text = head.decode("utf-8-sig", errors="replace")
    delimiter, end = delimiter_of(unit, shape), Quoting(unit, shape).first_end(head).decode()
    as_written = Header(0, shape.columns, delimiter, shape.quote, shape.header, end)
    if not shape.header:
        return as_written if text.strip("\r\n") else None
    try:
        rows = csv.reader(io.StringIO(text, newline=""), **as_written.dialect)
        blank, header = next((n, row) for n, row in enumerate(rows) if row)
    except StopIteration:
        return None
    except csv.Error as error:
        raise UserError(
            f"{unit.url} has no readable CSV header in line {rows.line_num}: {error}"
        ) from error
    if shape.columns:
        if len(shape.columns) != len(header):
            raise UserError(
                f"{unit.url} has {len(header)} columns in line {blank + 1}, and [files] columns of "
                f"the mapping names {len(shape.columns)}"
            )
        header = list(shape.columns)
    return replace(as_written, skip=blank, columns=_distinct(header))


def _distinct(header: list[str]) -> tuple[str, ...]:
    """Names of which none is empty, and none the same as another in any case of letters."""
    names: list[str] = []
    for position, name in enumerate(header, start=1):
        taken = {other.lower() for other in names}
        names.append(
            f"{name or 'column'}_{position}" if not name or name.lower() in taken else name
        )
    return tuple(names)


def scan(files: Sequence[Unit], header: Header, rejects: str) -> str:
    """DuckDB's reader with nothing guessed and every line it cannot split kept in `rejects`. Its
    columns are `column0` and so on, and `_path`."""
    paths = ", ".join(quoted(str(file.path)) for file in files)
    names = range(len(header.columns))  # theirs could be one of ours
    types = ", ".join(f"'column{number}': 'VARCHAR'" for number in names)
    # Not said, it is the first that there is, also one in a quoted field: then all rows are lost.
    end = f"new_line={header.end!r}, " if header.end else ""
    return f"""read_csv([{paths}], columns={{{types}}}, auto_detect=false,
        delim={quoted(header.delimiter)}, quote={quoted(header.quote)},
        escape={quoted(header.quote)}, header={str(header.is_named).lower()},
        skip={header.skip}, {end}compression='none', filename='_path',
        hive_partitioning=false,
        max_line_size={MAX_LINE_BYTES}, store_rejects=true, rejects_table='{rejects}',
        rejects_scan='{rejects}_files')"""


def well_quoted(
    db: duckdb.DuckDBPyConnection, files: list[Unit], header: Header, scratch: Path
) -> tuple[list[Unit], list[tuple[str, str, Unit]]]:
    """The files, with a copy of good records in place of each that DuckDB cannot be trusted with,
    and the records left out of the copies: (text, reason, file)."""
    suspects = [file for file in files if header.quote and _has_quotes(file.path, header.quote)]
    if not suspects:
        return files, []
    misread = _misread(db, suspects, header)
    rejected: list[tuple[str, str, Unit]] = []
    settled = []
    for file in files:
        if str(file.path) in misread:
            copy = replace(file, path=Path(mkdtemp(dir=scratch)) / file.path.name)
            rejected += [(*reject, file) for reject in _cut(file.path, header, copy.path)]
            file = copy
        settled.append(file)
    return settled, rejected


def _misread(db: duckdb.DuckDBPyConnection, suspects: list[Unit], header: Header) -> set[str]:
    """The paths of those of which DuckDB rejects any line, or that it refuses."""
    try:
        db.sql(f"select count(*) from {scan(suspects, header, 'miscounted')}").fetchall()
        found = db.sql("""select distinct file_path
            from miscounted_files join miscounted using (scan_id, file_id)""").fetchall()
    except duckdb.InvalidInputException:  # after a stray quote the lines seem to end in two ways
        return {str(file.path) for file in suspects}
    finally:
        db.execute("drop table if exists miscounted; drop table if exists miscounted_files")
    return {path for (path,) in found}


def _has_quotes(path: Path, quote: str) -> bool:
    with path.open("rb") as handle:
        if not path.stat().st_size:
            return False
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(quote.encode()) >= 0


def _cut(path: Path, header: Header, target: Path) -> Iterator[tuple[str, str]]:
    """Write the good records of a file to `target`; yield the others, with the reason."""
    with (
        path.open(encoding="utf-8-sig", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as to,
    ):
        end = header.end or "\n"
        to.write(end * header.skip)
        # All are quoted: Python 3.11 would not quote a field for a carriage return in it.
        dialect: Dialect = {**header.dialect, "quoting": csv.QUOTE_ALL}
        writer = csv.writer(to, lineterminator=end, **dialect)
        is_header = header.is_named
        for text, row in _records(source, header):
            if is_header:
                writer.writerow(header.columns)
                is_header = False
            elif len(text) > MAX_LINE_BYTES:
                yield text, Reason.OVERSIZED_RECORD
            elif row is None:
                yield text, Reason.MALFORMED_CSV
            else:
                writer.writerow(row)


def _records(source: TextIO, header: Header) -> Iterator[tuple[str, list[str] | None]]:
    """Each record's text, and its fields where it has as many as the header. Every line of the
    source is in one record; blank lines are none."""
    ahead: deque[str] = deque()
    width = len(header.columns)
    while True:
        quotes, lines = 0, 0
        for lines in count(1):
            if len(ahead) < lines:
                if not (line := source.readline()):
                    lines -= 1
                    break
                ahead.append(line)
            quotes += ahead[lines - 1].count(header.quote)
            if quotes % 2 == 0 or lines == LONGEST_RECORD:
                break
        if not lines:
            return
        text = "".join(islice(ahead, lines))
        row = _fields(text, header.dialect) if quotes % 2 == 0 else None
        if lines > 1 and (row is None or (len(row) != width and lines > LONGEST_REJECT)):
            text, row, lines = ahead[0], None, 1
        for _ in range(lines):
            ahead.popleft()
        text = text.removesuffix("\n").removesuffix("\r")
        if text:
            yield text, row if row is not None and len(row) == width else None


def _fields(text: str, dialect: Dialect) -> list[str] | None:
    """A record's fields; None where its quotes do not fit."""
    try:
        return next(csv.reader([text], strict=True, **dialect), [])
    except csv.Error:
        return None
