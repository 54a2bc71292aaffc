"""Files of all formats to landing rows. JSON lines have a module of their own, `lines`."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion import projection
from ingestion.drift import Fields
from ingestion.errors import UserError
from ingestion.files import DeliveredFile, fetch
from ingestion.lines import MAX_LINE_BYTES, read_lines
from ingestion.mapping import TableMapping
from ingestion.plain_files import plain_files

# Files are read in groups of about this many bytes, so that what is unpacked fits on the disk.
GROUP_BYTES = 512 * 2**20
HEADER_BYTES = 2**20

_REASON = """case error_type
    when 'LINE SIZE OVER MAXIMUM' then 'oversized_record'
    else 'malformed_csv' end"""


@dataclass(frozen=True)
class _Scan:
    """Files that one query reads: its columns and its table of rejects. The file a row comes from
    is in the column `_path`."""

    sql: str
    columns: list[str]
    rejects: str = ""


def read_files(
    files: list[DeliveredFile],
    mapping: TableMapping,
    source: str,
    started_at: datetime,
    batch_rows: int,
    fields: Fields | None = None,
) -> Iterator[pa.RecordBatch]:
    """All records of the files as landing rows, in batches of up to `batch_rows`.

    Raises:
        UserError: a file cannot be read as its format, or lacks a column that the mapping needs.
    """
    fields = Fields() if fields is None else fields
    lines = [file for file in files if file.format == "jsonl"]
    try:
        for group in _groups(lines):
            with tempfile.TemporaryDirectory(prefix="fact-events-") as scratch:
                here = fetch(group, Path(scratch))
                yield from read_lines(here, mapping, source, started_at, fields)
    except duckdb.Error as error:
        raise _refused(source, error) from error
    for group in _groups([file for file in files if file.format != "jsonl"]):
        with (
            tempfile.TemporaryDirectory(prefix="fact-events-") as scratch,
            projection.session() as db,
        ):
            try:
                plain = plain_files(fetch(group, Path(scratch)), Path(scratch))
                yield from _read(db, plain, mapping, source, started_at, batch_rows, fields)
            except duckdb.Error as error:
                raise _refused(source, error) from error


def _refused(source: str, error: duckdb.Error) -> UserError:
    return UserError(f"MAPPING={source!r} cannot read the files: {str(error).splitlines()[0]}")


def _read(
    db: duckdb.DuckDBPyConnection,
    files: list[DeliveredFile],
    mapping: TableMapping,
    source: str,
    started_at: datetime,
    batch_rows: int,
    fields: Fields,
) -> Iterator[pa.RecordBatch]:
    delivered = pa.table(
        {
            "_path": [str(file.path) for file in files],
            "_file": [Path(file.url).name for file in files],
            "_ingest_date": pa.array([file.day for file in files], pa.date32()),
        }
    )
    db.register("_delivered", delivered)
    for scan in _scans(db, files):
        received = f"""(select d._file, d._ingest_date, r.* exclude (_path)
            from {scan.sql} as r join _delivered as d on d._path = r._path)"""
        query = projection.named_rows(mapping, source, received, scan.columns, started_at)
        for batch in db.sql(query).to_arrow_reader(batch_rows):
            fields.sampled += batch.num_rows
            for column in scan.columns:
                fields.add(column, "column", batch.num_rows)
            yield batch
        if scan.rejects:
            # A line can have several errors; it is one record.
            rejected = f"""(select d._file, d._ingest_date, e.line, e.reason from
                (select any_value(csv_line) as line, any_value({_REASON}) as reason,
                    scan_id, file_id
                 from {scan.rejects} group by scan_id, file_id, line) as e
                join {scan.rejects}_files as s using (scan_id, file_id)
                join _delivered as d on d._path = s.file_path)"""
            query = projection.rejected_lines(mapping, source, rejected)
            yield from db.sql(query).to_arrow_reader(batch_rows)


def _scans(db: duckdb.DuckDBPyConnection, files: list[DeliveredFile]) -> Iterator[_Scan]:
    """The files by what one query can read: all CSV of one header, each Parquet."""
    by_header: dict[tuple[int, tuple[str, ...]], list[DeliveredFile]] = defaultdict(list)
    for file in files:
        if file.format == "csv" and (header := _csv_header(file)):
            by_header[header].append(file)
    for number, ((skip, columns), sharing) in enumerate(by_header.items()):
        dialect = f"""delim=',', quote='"', escape='"', header=true, skip={skip}"""
        rejects = f"rejected_csv_{number}"
        yield _Scan(_read_csv(sharing, columns, dialect, rejects), list(columns), rejects)
    for file in files:
        if file.format == "parquet":
            parquet = f"read_parquet({projection.quoted(str(file.path))}, filename='_path')"
            relation = db.sql(f"select * exclude (_path) from {parquet}")
            types = dict(zip(relation.columns, map(str, relation.types), strict=True))
            texts = ", ".join(["_path", *(_as_text(*column) for column in types.items())])
            yield _Scan(f"(select {texts} from {parquet})", list(types))


def _read_csv(
    files: list[DeliveredFile], columns: tuple[str, ...] | list[str], dialect: str, rejects: str
) -> str:
    """DuckDB's reader with nothing guessed and every line it cannot split kept in `rejects`."""
    paths = ", ".join(projection.quoted(str(file.path)) for file in files)
    types = ", ".join(f"{projection.quoted(column)}: 'VARCHAR'" for column in columns)
    return f"""read_csv([{paths}], columns={{{types}}}, auto_detect=false, {dialect},
        compression='none', filename='_path', max_line_size={MAX_LINE_BYTES},
        store_rejects=true, rejects_table='{rejects}', rejects_scan='{rejects}_files')"""


def _csv_header(file: DeliveredFile) -> tuple[int, tuple[str, ...]] | None:
    """The blank lines before the header, and the names in it; None where there is no header.

    A column without a name is called by its position; one whose name is taken (DuckDB does not
    tell upper from lower case) gets its position appended.
    """
    with file.path.open("rb") as handle:
        text = handle.read(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    try:
        rows = csv.reader(io.StringIO(text, newline=""))
        blank, header = next((n, row) for n, row in enumerate(rows) if row)
    except StopIteration:
        return None
    except csv.Error as error:
        raise UserError(f"{file.url} has no readable CSV header: {error}") from error
    names: list[str] = []
    for position, name in enumerate(header, start=1):
        taken = {other.lower() for other in names}
        names.append(
            f"{name or 'column'}_{position}" if not name or name.lower() in taken else name
        )
    return blank, tuple(names)


def _as_text(column: str, kind: str) -> str:
    """A Parquet column as text; nested values as JSON."""
    name = projection.name(column)
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON"))
    return f"cast({f'to_json({name})' if nested else name} as varchar) as {name}"


def _groups(files: list[DeliveredFile]) -> Iterator[list[DeliveredFile]]:
    """The files in groups of GROUP_BYTES, each of at least one file."""
    group: list[DeliveredFile] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.size
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
