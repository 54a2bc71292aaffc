"""CSV and Parquet: what one query of DuckDB can read, and what it rejects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from core.errors import UserError
from ingestion.decode import csv_files, parquet_text
from ingestion.decode.folders import missing
from ingestion.mapping import row_records
from ingestion.mapping.duck_sql import name as identifier
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason
from ingestion.source.unit import Unit

MOST_DIGITS = 38  # of a decimal: DuckDB makes floating-point numbers of those that have more
_REASON = f"""case error_type
    when 'LINE SIZE OVER MAXIMUM' then '{Reason.OVERSIZED_RECORD}'
    else '{Reason.MALFORMED_CSV}' end"""


@dataclass(frozen=True)
class _Scan:
    """Units that one query reads: the names of its columns (in the query `column0` and so on: a
    name of theirs could be one of ours), those that only their folders have, the line that names
    them (0 for none), its table of rejects, and the records that were taken out before. The file a
    row comes from is in `_path`."""

    units: list[Unit]
    sql: str
    columns: list[str]
    folders: tuple[str, ...]
    header_line: int = 0
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
    for scan in _scans(db, units, reading.mapping.files, scratch):
        db.register("_delivered", _delivered(scan.units, scan.folders))
        try:
            yield from _rows(db, scan, reading)
            if scan.rejects:
                yield from _rejects(db, scan, reading)
            if scan.left_out:
                yield from _left_out(db, scan, reading)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"MAPPING={reading.source!r} cannot read {_named(scan.units)}: {reason}"
            ) from None


def _rows(db: duckdb.DuckDBPyConnection, scan: _Scan, reading: Reading) -> Iterator[pa.RecordBatch]:
    names = [*scan.columns, *scan.folders]
    values = [f"r.column{number}" for number in range(len(scan.columns))]
    values += [f"d.folder{number}" for number in range(len(scan.folders))]
    slots = zip(values, row_records.slots(names), strict=True)
    received = f"""(select d._file, d._ingest_date, d._unit,
            {", ".join(f"{value} as {slot}" for value, slot in slots)}
        from {scan.sql} as r join _delivered as d on d._path = r._path)"""
    line = f"line {scan.header_line} of " if scan.header_line else ""
    query = row_records.named_rows(reading, received, names, line + _named(scan.units))
    for batch in db.sql(query).to_arrow_reader(reading.batch_rows):
        reading.fields.sampled += batch.num_rows
        for column in names:
            reading.fields.add(column, "column", batch.num_rows)
        yield batch


def _rejects(
    db: duckdb.DuckDBPyConnection, scan: _Scan, reading: Reading
) -> Iterator[pa.RecordBatch]:
    """The lines that DuckDB rejected. One can have several errors; it is one record."""
    rejected = f"""(select d._file, d._ingest_date, d._unit, e.line, e.reason from
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


def _delivered(units: Sequence[Unit], folders: Sequence[str] = ()) -> pa.Table:
    """Where a row is from, when that was delivered and what its folders say, by the path that
    DuckDB reads."""
    table = pa.table(
        {
            "_path": [str(unit.path) for unit in units],
            "_file": [unit.name for unit in units],
            "_ingest_date": pa.array([unit.day for unit in units], pa.date32()),
            "_unit": pa.array([unit.number for unit in units], pa.int32()),
        }
    )
    for number, folder in enumerate(folders):
        values = pa.array([unit.folders[folder] for unit in units], pa.string())
        table = table.append_column(f"folder{number}", values)
    return table


def _named(units: list[Unit]) -> str:
    """The files of a scan, in a few words."""
    more = f" (and {len(units) - 1} more files of its columns)" if len(units) > 1 else ""
    return f"{units[0].url}{more}"


def _scans(
    db: duckdb.DuckDBPyConnection, units: list[Unit], shape: FileShape, scratch: Path
) -> Iterator[_Scan]:
    """The units by what one query can read: all CSV of one header and of folders that say as much,
    each Parquet."""
    alike: dict[tuple[csv_files.Header, tuple[str, ...]], list[Unit]] = defaultdict(list)
    for unit in units:
        if unit.format != "parquet" and (header := csv_files.header_of(unit, shape)):
            alike[header, tuple(missing(unit.folders, header.columns))].append(unit)
    for number, ((header, folders), sharing) in enumerate(alike.items()):
        settled, left_out = csv_files.well_quoted(db, sharing, header, scratch)
        rejects = f"rejected_csv_{number}"
        scan = csv_files.scan(settled, header, rejects)
        line = (header.skip + 1) * header.is_named
        yield _Scan(settled, scan, list(header.columns), folders, line, rejects, left_out)
    for unit in units:
        if unit.format == "parquet":
            yield _parquet(db, unit)


def _parquet(db: duckdb.DuckDBPyConnection, unit: Unit) -> _Scan:
    path = quoted(str(unit.path))
    parquet = f"read_parquet({path}, filename=false, hive_partitioning=false)"
    try:
        relation = db.sql(f"select * from {parquet}")
        rounded = db.sql(
            f"select name, precision from parquet_schema({path}) where precision > {MOST_DIGITS}"
        ).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{unit.url} is not valid Parquet: {reason}") from None
    if rounded:
        name, digits = rounded[0]
        raise UserError(
            f"{unit.url} has decimals of {digits} digits in {name!r}, and more than {MOST_DIGITS} "
            "would be rounded: write them as text"
        )
    columns = dict(zip(relation.columns, relation.types, strict=True))
    texts = [
        f"{parquet_text.as_text(identifier(column), kind)} as column{number}"
        for number, (column, kind) in enumerate(columns.items())
    ]
    sql = f"(select {', '.join([f'{path} as _path', *texts])} from {parquet})"
    return _Scan([unit], sql, list(columns), tuple(missing(unit.folders, tuple(columns))))
