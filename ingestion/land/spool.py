"""Landing rows to the Parquet files that dlt's COPY workers read, and their counts.

The files are alike in size, and bounded in bytes. Everything a source has is spooled before dlt
begins: an error of the source arrives as itself, and nothing of it is in Postgres.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.mapping.landing_schema import SCHEMAS
from ingestion.mapping.reasons import DELETION

GROUP_ROWS = 20_000  # at least, in a row group
COPIES = 2  # at once, on two cores; three or four are no faster
# In memory, some 500,000 events: a COPY has its whole file there. With 100 MiB the peak at 5 M rows
# was 652 MB, not 594; with 50 MiB a load of 1 M rows took 5 % longer.
FILE_BYTES = 85 * 2**20
ONE_COPY_BYTES = 10 * 2**20  # fewer are one COPY: in their order, which is what BRIN lives on
# They live for seconds. dlt's own writer tries a dictionary of every column, and works out the
# table's schema for every batch (together 0.9 CPU seconds a million rows; this 0.3).
_PLAIN = {"use_dictionary": False, "compression": "none", "write_statistics": False}


@dataclass
class Counts:
    """Landed rows by (number of the unit, event day, region), rejected ones by reason, those that
    say that an event was deleted, and by number of the unit those of forgotten users, which stay
    away."""

    rows: Counter[tuple[int, date | None, str | None]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    deletions: int = 0
    forgotten: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All rows that land."""
        return self.rows.total()


@dataclass(frozen=True)
class SpooledFile:
    """A Parquet file of landing rows."""

    path: Path
    rows: int
    schema: pa.Schema


@dataclass(frozen=True)
class Spooled:
    """All that a source has for one table."""

    files: list[SpooledFile]
    counts: Counts


def spool(batches: Iterable[pa.RecordBatch], table: str, load_id: str, directory: Path) -> Spooled:
    """Read a source to its end.

    Args:
        batches: landing rows.
        table: "events" or "user_profiles".
        load_id: of the load that the rows are of.
        directory: where the files go.

    Raises:
        UserError: as reading the source does.
    """
    counts = Counts()
    groups = _groups(_counted(batches, table, counts))
    files: list[SpooledFile] = []
    is_more = True
    while is_more:
        names = [f"{table}-{len(files) + number}.parquet" for number in range(COPIES)]
        written = _write(groups, [directory / name for name in names], load_id)
        files += [_spooled(path) for path in written]
        is_more = written.total() >= COPIES * FILE_BYTES
    return Spooled(files, counts)


def _spooled(path: Path) -> SpooledFile:
    file = pq.read_metadata(path)
    return SpooledFile(path, file.num_rows, file.schema.to_arrow_schema())


def _counted(batches: Iterable[pa.RecordBatch], table: str, counts: Counts) -> Iterator[pa.Table]:
    """The batches cast to the landing schema, while they are counted."""
    schema = SCHEMAS[table]
    keys = ["_unit", *(["event_date", "region"] if table == "events" else [])]
    for batch in batches:
        if batch.num_rows == 0:
            continue
        rows = pa.Table.from_batches([batch]).cast(schema)
        for row in rows.group_by(keys).aggregate([([], "count_all")]).to_pylist():
            key = (row["_unit"], row.get("event_date"), row.get("region"))
            counts.rows[key] += row["count_all"]
        for row in pc.value_counts(pc.drop_null(rows["reject_reason"])).to_pylist():
            if row["values"] == DELETION:
                counts.deletions += row["counts"]
            else:
                counts.rejected[row["values"]] += row["counts"]
        yield rows


def _write(groups: Iterator[list[pa.Table]], paths: list[Path], load_id: str) -> Counter[Path]:
    """Fill one file for each COPY, alike, so that the COPYs end together. Returns their bytes in
    memory; where that is less than FILE_BYTES a file, there are no more rows."""
    written: Counter[Path] = Counter()
    writers: dict[Path, pq.ParquetWriter] = {}
    with ExitStack() as opened:
        while written.total() < len(paths) * FILE_BYTES and (group := next(groups, None)):
            is_small = written.total() < ONE_COPY_BYTES
            path = paths[0] if is_small else min(paths, key=written.__getitem__)
            rows = pa.concat_tables(group)
            load_ids = pa.repeat(pa.scalar(load_id, pa.string()), len(rows))
            rows = rows.append_column("_dlt_load_id", load_ids)
            if path not in writers:
                writer = pq.ParquetWriter(path, rows.schema, **_PLAIN)
                writers[path] = opened.enter_context(writer)
            writers[path].write_table(rows)
            written[path] += rows.nbytes
    return written


def _groups(tables: Iterator[pa.Table]) -> Iterator[list[pa.Table]]:
    """The tables in groups of at least GROUP_ROWS, but for the last."""
    group: list[pa.Table] = []
    for table in tables:
        group.append(table)
        if sum(map(len, group)) >= GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group
