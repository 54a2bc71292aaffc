"""Files of all formats to landing rows. JSON lines have a module of their own, `lines`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from core.errors import UserError
from core.scratch import scratch_directory
from ingestion.decode import csv_files
from ingestion.decode.encodings import plain_files
from ingestion.decode.json_lines import read_lines
from ingestion.decode.session import session
from ingestion.land.drift import Fields
from ingestion.mapping import projection
from ingestion.mapping.duck_sql import name as identifier
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.mapping import TableMapping
from ingestion.source.files import DeliveredFile, fetch

# Files are read in groups of about this many bytes, so that what is unpacked fits on the disk.
GROUP_BYTES = 512 * 2**20

_REASON = """case error_type
    when 'LINE SIZE OVER MAXIMUM' then 'oversized_record'
    else 'malformed_csv' end"""


@dataclass(frozen=True)
class _Scan:
    """Files that one query reads: its columns, its table of rejects, and the records that were
    taken out before. The file a row comes from is in the column `_path`."""

    files: list[DeliveredFile]
    sql: str
    columns: list[str]
    rejects: str = ""
    left_out: Sequence[tuple[str, str, DeliveredFile]] = ()


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
            with scratch_directory() as scratch:
                here = fetch(group, scratch)
                yield from read_lines(here, mapping, source, started_at, fields)
    except duckdb.Error as error:
        raise _refused(source, error) from error
    for group in _groups([file for file in files if file.format != "jsonl"]):
        with (
            scratch_directory() as scratch,
            session() as db,
        ):
            try:
                plain = plain_files(fetch(group, scratch), scratch)
                yield from _read(
                    db, plain, mapping, source, started_at, batch_rows, fields, scratch
                )
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
    scratch: Path,
) -> Iterator[pa.RecordBatch]:
    for scan in _scans(db, files, scratch):
        db.register("_delivered", _delivered(scan.files))
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
        if scan.left_out:
            lines, reasons, of = zip(*scan.left_out, strict=True)
            table = _delivered(of).append_column("line", [lines]).append_column("reason", [reasons])
            db.register("_left_out", table)
            query = projection.rejected_lines(mapping, source, "_left_out")
            yield from db.sql(query).to_arrow_reader(batch_rows)


def _delivered(files: Sequence[DeliveredFile]) -> pa.Table:
    """Where a row is from and when that was delivered, by the path that DuckDB reads."""
    return pa.table(
        {
            "_path": [str(file.path) for file in files],
            "_file": [Path(file.url).name for file in files],
            "_ingest_date": pa.array([file.day for file in files], pa.date32()),
        }
    )


def _scans(
    db: duckdb.DuckDBPyConnection, files: list[DeliveredFile], scratch: Path
) -> Iterator[_Scan]:
    """The files by what one query can read: all CSV of one header, each Parquet."""
    by_header: dict[csv_files.Header, list[DeliveredFile]] = defaultdict(list)
    for file in files:
        if file.format == "csv" and (header := csv_files.header_of(file)):
            by_header[header].append(file)
    for number, (header, sharing) in enumerate(by_header.items()):
        settled, left_out = csv_files.well_quoted(db, sharing, header, scratch)
        rejects = f"rejected_csv_{number}"
        scan = csv_files.scan(settled, header, rejects)
        yield _Scan(settled, scan, list(header.columns), rejects, left_out)
    for file in files:
        if file.format == "parquet":
            parquet = f"read_parquet({quoted(str(file.path))}, filename='_path')"
            relation = db.sql(f"select * exclude (_path) from {parquet}")
            types = dict(zip(relation.columns, map(str, relation.types), strict=True))
            texts = ", ".join(["_path", *(_as_text(*column) for column in types.items())])
            yield _Scan([file], f"(select {texts} from {parquet})", list(types))


def _as_text(column: str, kind: str) -> str:
    """A Parquet column as text; nested values as JSON."""
    name = identifier(column)
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
