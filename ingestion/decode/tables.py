"""CSV and Parquet: what one query of DuckDB can read, and what it rejects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.decode import csv_files
from ingestion.mapping import row_records
from ingestion.mapping.duck_sql import name as identifier
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason
from ingestion.source.unit import Unit

_REASON = f"""case error_type
    when 'LINE SIZE OVER MAXIMUM' then '{Reason.OVERSIZED_RECORD}'
    else '{Reason.MALFORMED_CSV}' end"""


@dataclass(frozen=True)
class _Scan:
    """Units that one query reads: its columns, its table of rejects, and the records that were
    taken out before. The file a row comes from is in the column `_path`."""

    units: list[Unit]
    sql: str
    columns: list[str]
    rejects: str = ""
    left_out: Sequence[tuple[str, str, Unit]] = ()


def read_tables(
    db: duckdb.DuckDBPyConnection, units: list[Unit], reading: Reading, scratch: Path
) -> Iterator[pa.RecordBatch]:
    """All records of CSV and Parquet units as landing rows, in batches of up to
    `reading.batch_rows`.

    Args:
        db: a session of these units alone.
        units: plain ones, see `encodings`.
        reading: how their records are read.
        scratch: where repaired copies may lie.

    Raises:
        UserError: a unit lacks a column that the mapping needs.
    """
    for scan in _scans(db, units, scratch):
        db.register("_delivered", _delivered(scan.units))
        yield from _rows(db, scan, reading)
        if scan.rejects:
            yield from _rejects(db, scan, reading)
        if scan.left_out:
            yield from _left_out(db, scan, reading)


def _rows(db: duckdb.DuckDBPyConnection, scan: _Scan, reading: Reading) -> Iterator[pa.RecordBatch]:
    received = f"""(select d._file, d._ingest_date, r.* exclude (_path)
        from {scan.sql} as r join _delivered as d on d._path = r._path)"""
    query = row_records.named_rows(reading, received, scan.columns)
    for batch in db.sql(query).to_arrow_reader(reading.batch_rows):
        reading.fields.sampled += batch.num_rows
        for column in scan.columns:
            reading.fields.add(column, "column", batch.num_rows)
        yield batch


def _rejects(
    db: duckdb.DuckDBPyConnection, scan: _Scan, reading: Reading
) -> Iterator[pa.RecordBatch]:
    """The lines that DuckDB rejected. One can have several errors; it is one record."""
    rejected = f"""(select d._file, d._ingest_date, e.line, e.reason from
        (select any_value(csv_line) as line, any_value({_REASON}) as reason, scan_id, file_id
         from {scan.rejects} group by scan_id, file_id, line) as e
        join {scan.rejects}_files as s using (scan_id, file_id)
        join _delivered as d on d._path = s.file_path)"""
    query = row_records.rejected_lines(reading, rejected)
    yield from db.sql(query).to_arrow_reader(reading.batch_rows)


def _left_out(
    db: duckdb.DuckDBPyConnection, scan: _Scan, reading: Reading
) -> Iterator[pa.RecordBatch]:
    lines, reasons, of = zip(*scan.left_out, strict=True)
    table = _delivered(of).append_column("line", [lines]).append_column("reason", [reasons])
    db.register("_left_out", table)
    query = row_records.rejected_lines(reading, "_left_out")
    yield from db.sql(query).to_arrow_reader(reading.batch_rows)


def _delivered(units: Sequence[Unit]) -> pa.Table:
    """Where a row is from and when that was delivered, by the path that DuckDB reads."""
    return pa.table(
        {
            "_path": [str(unit.path) for unit in units],
            "_file": [unit.name for unit in units],
            "_ingest_date": pa.array([unit.day for unit in units], pa.date32()),
        }
    )


def _scans(db: duckdb.DuckDBPyConnection, units: list[Unit], scratch: Path) -> Iterator[_Scan]:
    """The units by what one query can read: all CSV of one header, each Parquet."""
    by_header: dict[csv_files.Header, list[Unit]] = defaultdict(list)
    for unit in units:
        if unit.format == "csv" and (header := csv_files.header_of(unit)):
            by_header[header].append(unit)
    for number, (header, sharing) in enumerate(by_header.items()):
        settled, left_out = csv_files.well_quoted(db, sharing, header, scratch)
        rejects = f"rejected_csv_{number}"
        scan = csv_files.scan(settled, header, rejects)
        yield _Scan(settled, scan, list(header.columns), rejects, left_out)
    for unit in units:
        if unit.format == "parquet":
            yield _parquet(db, unit)


def _parquet(db: duckdb.DuckDBPyConnection, unit: Unit) -> _Scan:
    parquet = f"read_parquet({quoted(str(unit.path))}, filename='_path')"
    relation = db.sql(f"select * exclude (_path) from {parquet}")
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    texts = ", ".join(["_path", *(_as_text(*column) for column in types.items())])
    return _Scan([unit], f"(select {texts} from {parquet})", list(types))


def _as_text(column: str, kind: str) -> str:
    """A Parquet column as text; nested values as JSON."""
    name = identifier(column)
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON"))
    return f"cast({f'to_json({name})' if nested else name} as varchar) as {name}"
