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
from typing import TextIO

import duckdb

from core.errors import UserError
from ingestion.decode.json_lines import MAX_LINE_BYTES
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.reasons import Reason
from ingestion.source.unit import Unit

HEADER_BYTES = 2**20
# An open quote that is not closed within so many lines is a stray one.
LONGEST_RECORD = 1_000
# A record of the wrong number of fields is kept whole up to so many lines. A longer one has more
# likely swallowed others: then its first line alone is rejected, and the next one begins a record.
LONGEST_REJECT = 10
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True)
class Header:
    """The blank lines before a header, and the names in it."""

    skip: int
    columns: tuple[str, ...]


def header_of(unit: Unit) -> Header | None:
    """A file's header; None where there is none.

    A column without a name is called by its position; one whose name is taken (DuckDB does not
    tell upper from lower case) gets its position appended.

    Raises:
        UserError: it cannot be read.
    """
    with unit.path.open("rb") as handle:
        text = handle.read(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    try:
        rows = csv.reader(io.StringIO(text, newline=""))
        blank, header = next((n, row) for n, row in enumerate(rows) if row)
    except StopIteration:
        return None
    except csv.Error as error:
        raise UserError(f"{unit.url} has no readable CSV header: {error}") from error
    names: list[str] = []
    for position, name in enumerate(header, start=1):
        taken = {other.lower() for other in names}
        names.append(
            f"{name or 'column'}_{position}" if not name or name.lower() in taken else name
        )
    return Header(blank, tuple(names))


def scan(files: Sequence[Unit], header: Header, rejects: str) -> str:
    """DuckDB's reader with nothing guessed and every line it cannot split kept in `rejects`."""
    paths = ", ".join(quoted(str(file.path)) for file in files)
    types = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in header.columns)
    return f"""read_csv([{paths}], columns={{{types}}}, auto_detect=false, delim=',', quote='"',
        escape='"', header=true, skip={header.skip}, compression='none', filename='_path',
        max_line_size={MAX_LINE_BYTES}, store_rejects=true, rejects_table='{rejects}',
        rejects_scan='{rejects}_files')"""


def well_quoted(
    db: duckdb.DuckDBPyConnection, files: list[Unit], header: Header, scratch: Path
) -> tuple[list[Unit], list[tuple[str, str, Unit]]]:
    """The files, with a copy of good records in place of each that DuckDB cannot be trusted with,
    and the records left out of the copies: (text, reason, file)."""
    suspects = [file for file in files if _has_quotes(file.path)]
    if not suspects:
        return files, []
    db.sql(f"select count(*) from {scan(suspects, header, 'miscounted')}").fetchall()
    misread = db.sql("""select distinct file_path
        from miscounted_files join miscounted using (scan_id, file_id)""").fetchall()
    db.execute("drop table miscounted; drop table miscounted_files")
    rejected: list[tuple[str, str, Unit]] = []
    settled = []
    for file in files:
        if (str(file.path),) in misread:
            copy = replace(file, path=Path(mkdtemp(dir=scratch)) / file.path.name)
            rejected += [(*reject, file) for reject in _cut(file.path, header, copy.path)]
            file = copy
        settled.append(file)
    return settled, rejected


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as handle:
        if not path.stat().st_size:
            return False
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(b'"') >= 0


def _cut(path: Path, header: Header, target: Path) -> Iterator[tuple[str, str]]:
    """Write the good records of a file to `target`; yield the others, with the reason."""
    with (
        path.open(encoding="utf-8-sig") as source,
        target.open("w", encoding="utf-8", newline="") as to,
    ):
        to.write("\n" * header.skip)
        writer = csv.writer(to, lineterminator="\n")
        is_header = True
        for text, row in _records(source, len(header.columns)):
            if is_header:
                writer.writerow(header.columns)
                is_header = False
            elif len(text) > MAX_LINE_BYTES:
                yield text, Reason.OVERSIZED_RECORD
            elif row is None:
                yield text, Reason.MALFORMED_CSV
            else:
                writer.writerow(row)


def _records(source: TextIO, width: int) -> Iterator[tuple[str, list[str] | None]]:
    """Each record's text, and its fields where it has `width` of them. Every line of the source is
    in one record; blank lines are none."""
    ahead: deque[str] = deque()
    while True:
        quotes, lines = 0, 0
        for lines in count(1):
            if len(ahead) < lines:
                if not (line := source.readline()):
                    lines -= 1
                    break
                ahead.append(line)
            quotes += ahead[lines - 1].count('"')
            if quotes % 2 == 0 or lines == LONGEST_RECORD:
                break
        if not lines:
            return
        text = "".join(islice(ahead, lines))
        row = _fields(text) if quotes % 2 == 0 else None
        if lines > 1 and (row is None or (len(row) != width and lines > LONGEST_REJECT)):
            text, row, lines = ahead[0], None, 1
        for _ in range(lines):
            ahead.popleft()
        text = text.removesuffix("\n")
        if text:
            yield text, row if row is not None and len(row) == width else None


def _fields(text: str) -> list[str] | None:
    """A record's fields; None where its quotes do not fit."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return None
