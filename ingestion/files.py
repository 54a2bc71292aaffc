"""SOURCE=files: a URL template becomes files, each delivered on one day, read by DuckDB."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from ingestion import projection
from ingestion.days import DayRange
from ingestion.errors import UserError
from ingestion.mapping import FORMATS, TableMapping

# One record may be this long, in bytes; longer lines are quarantined.
MAX_LINE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class DeliveredFile:
    """A file and the UTC day it was delivered on."""

    url: str
    path: Path
    format: str
    day: date


def find_files(
    setting: str, template: str, days: DayRange, mapping: TableMapping, scratch: Path
) -> list[DeliveredFile]:
    """The files that a template names for a range of days, copied here where they are remote.

    Every file is delivered once, on the last day of the range that its template matches: a
    template without a day in it names one delivery, landed on the last day.

    Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        template: a URL or path with strftime fields and globs.
        days: the days to look for.
        mapping: names the format where the suffix does not.
        scratch: where remote files are copied to.

    Raises:
        UserError: nothing matches in the whole range, the place cannot be read, or a suffix
            names no known format.
    """
    delivered: dict[str, date] = {}
    try:
        filesystem, _ = fsspec.core.url_to_fs(days.start.strftime(template))
        for day in days:
            for url in filesystem.glob(day.strftime(template)):
                if not filesystem.isdir(url):
                    delivered[url] = day
    except (ImportError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{setting}={template!r} cannot be read: {reason}") from error
    if not delivered:
        raise UserError(f"{setting}={template!r} matches no file for {days}")
    files = []
    for url, day in sorted(delivered.items()):
        file_format = mapping.format or _format(setting, url)
        path = Path(url)
        if not isinstance(filesystem, LocalFileSystem):
            path = scratch / url.strip("/").replace("/", "__")
            filesystem.get_file(url, str(path))
        if file_format == "parquet" and url.endswith(".gz"):
            path = _gunzip(path, scratch / f"{path.name}.parquet")
        files.append(DeliveredFile(url, path, file_format, day))
    return files


def read_files(
    db: duckdb.DuckDBPyConnection,
    files: list[DeliveredFile],
    mapping: TableMapping,
    source: str,
    started_at: datetime,
    batch_rows: int,
) -> Iterator[pa.RecordBatch]:
    """All records of the files as landing rows, in batches of up to `batch_rows`.

    Raises:
        UserError: a file cannot be read as its format.
    """
    delivered = f"delivered_{mapping.table}"
    db.register(
        delivered,
        pa.table(
            {
                "path": [str(file.path) for file in files],
                "file": [Path(file.url).name for file in files],
                "ingest_date": pa.array([file.day for file in files], pa.date32()),
            }
        ),
    )
    for scan in _scans(db, files, mapping):
        received = f"""(select f.file, f.ingest_date, r.* exclude (filename)
            from {scan.sql} as r join {delivered} as f on f.path = r.filename)"""
        if scan.columns is None:
            query = projection.json_lines(mapping, source, received, started_at)
        else:
            query = projection.named_rows(mapping, source, received, scan.columns, started_at)
        try:
            yield from db.sql(query).to_arrow_reader(batch_rows)
            if scan.rejects:
                rejected = f"""(select f.ingest_date, e.csv_line as line, e.reason from
                    (select any_value(csv_line) as csv_line, file_id, scan_id,
                        any_value({_REASON}) as reason
                     from {scan.rejects} group by scan_id, file_id, line) as e
                    join {scan.rejects}_files as s using (scan_id, file_id)
                    join {delivered} as f on f.path = s.file_path)"""
                query = projection.rejected_lines(mapping, source, rejected)
                yield from db.sql(query).to_arrow_reader(batch_rows)
        except duckdb.Error as error:
            first_line = str(error).splitlines()[0]
            raise UserError(f"MAPPING={source!r} cannot read the files: {first_line}") from error


@dataclass(frozen=True)
class _Scan:
    """Files that one query reads: its columns (None: lines of JSON) and its table of rejects."""

    sql: str
    columns: list[str] | None
    rejects: str = ""


_REASON = """case error_type
    when 'LINE SIZE OVER MAXIMUM' then 'oversized_record'
    when 'INVALID ENCODING' then 'invalid_encoding'
    else 'malformed_csv' end"""


def _scans(
    db: duckdb.DuckDBPyConnection, files: list[DeliveredFile], mapping: TableMapping
) -> Iterator[_Scan]:
    """Group the files by what one query can read: all lines, or all of the same CSV header."""
    lines = [file for file in files if file.format == "jsonl"]
    if lines:
        # No text holds this separator, so every line is one column. Blank lines are no records.
        dialect = "delim='\x01\x02\x03\x04', quote='', escape='', strict_mode=false, header=false"
        for gzipped, members in _by_compression(lines):
            rejects = f"rejects_{mapping.table}_lines_{gzipped}"
            scan = _read_csv(members, ["line"], dialect, rejects)
            yield _Scan(f"(from {scan} where trim(line, ' \t\r') <> '')", None, rejects)
    by_header: dict[tuple[str, ...], list[DeliveredFile]] = defaultdict(list)
    for file in files:
        if file.format == "csv" and (header := _csv_header(file)):
            by_header[header].append(file)
    for number, (columns, sharing) in enumerate(by_header.items()):
        dialect = """delim=',', quote='"', escape='"', header=true"""
        for gzipped, members in _by_compression(sharing):
            rejects = f"rejects_{mapping.table}_csv_{number}_{gzipped}"
            yield _Scan(_read_csv(members, list(columns), dialect, rejects), list(columns), rejects)
    for file in files:
        if file.format == "parquet":
            parquet = f"read_parquet({projection.quoted(str(file.path))}, filename=true)"
            relation = db.sql(f"select * exclude (filename) from {parquet}")
            types = dict(zip(relation.columns, map(str, relation.types), strict=True))
            texts = ", ".join(_as_text(column, kind) for column, kind in types.items())
            yield _Scan(f"(select filename, {texts} from {parquet})", list(types))


def _by_compression(files: list[DeliveredFile]) -> Iterator[tuple[bool, list[DeliveredFile]]]:
    for gzipped in (False, True):
        members = [file for file in files if (file.path.suffix == ".gz") is gzipped]
        if members:
            yield gzipped, members


def _read_csv(files: list[DeliveredFile], columns: list[str], dialect: str, rejects: str) -> str:
    """DuckDB's reader with nothing guessed and every line it cannot split kept in `rejects`."""
    paths = ", ".join(projection.quoted(str(file.path)) for file in files)
    types = ", ".join(f"{projection.quoted(column)}: 'VARCHAR'" for column in columns)
    compression = "gzip" if files[0].path.suffix == ".gz" else "none"
    return f"""read_csv([{paths}], columns={{{types}}}, auto_detect=false, {dialect},
        compression='{compression}', filename=true, max_line_size={MAX_LINE_BYTES},
        store_rejects=true, rejects_table='{rejects}', rejects_scan='{rejects}_files')"""


def _csv_header(file: DeliveredFile) -> tuple[str, ...] | None:
    """The column names of a CSV file; None where it has not even those."""
    opener = gzip.open if file.path.suffix == ".gz" else open
    with opener(file.path, "rt", encoding="utf-8-sig", newline="") as handle:
        try:
            return tuple(next(csv.reader(iter([handle.read(2**20).splitlines()[0]]))))
        except IndexError:
            return None
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{file.url} has no readable CSV header: {error}") from error


def _as_text(column: str, kind: str) -> str:
    """A Parquet column as text; nested values as JSON."""
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON"))
    value = f"to_json({projection.name(column)})" if nested else projection.name(column)
    return f"cast({value} as varchar) as {projection.name(column)}"


def _format(setting: str, url: str) -> str:
    """The format that a file's suffix names, with or without .gz."""
    suffix = Path(url.removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in FORMATS:
        raise UserError(
            f"{setting}: {url} has no known format: use {', '.join(FORMATS)} (or .gz of them)"
        )
    return suffix


def _gunzip(path: Path, target: Path) -> Path:
    """Parquet is read at random offsets, so a gzipped file is unpacked first."""
    with gzip.open(path) as packed, target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    return target
