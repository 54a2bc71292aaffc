"""Rows to the Parquet files that dlt's COPY workers read: alike in size, and bounded in bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

GROUP_ROWS = 20_000  # at least, in a row group
COPIES = 2  # at once, on two cores; three or four are no faster
# In memory, some 500,000 events: a COPY has its whole file there. With 100 MiB the peak at 5 M rows
# was 652 MB, not 594; with 50 MiB a load of 1 M rows took 5 % longer.
FILE_BYTES = 85 * 2**20
ONE_COPY_BYTES = 10 * 2**20  # fewer are one COPY: in their order, which is what BRIN lives on
_PLAIN = {"use_dictionary": False, "compression": "none", "write_statistics": False}


def copy_files(tables: Iterator[pa.Table], directory: Path) -> Iterator[object]:
    """Write a table's rows to Parquet files that dlt takes over as they are, and yield these to it.

    Plain and without compression: they live for seconds. dlt's own writer tries a dictionary of
    every column, and works out the table's schema for every batch (together 0.9 CPU seconds a
    million rows; this 0.3).

    Args:
        tables: the rows, consumed once.
        directory: where the files go; made here.
    """
    import dlt

    directory.mkdir()
    load_id = pa.scalar(dlt.current.load_package_state()["load_id"], pa.string())
    groups = _groups(tables)
    for turn in count():
        paths = [directory / f"{turn}-{number}.parquet" for number in range(COPIES)]
        written = _write(groups, paths, load_id)
        for path in written:
            file = pq.read_metadata(path)
            schema = file.schema.to_arrow_schema().empty_table()
            yield dlt.mark.with_file_import(str(path), "parquet", file.num_rows, schema)
        if written.total() < COPIES * FILE_BYTES:
            return


def _write(
    groups: Iterator[list[pa.Table]], paths: list[Path], load_id: pa.StringScalar
) -> Counter[Path]:
    """Fill one file for each COPY, alike, so that the COPYs end together. Returns their bytes in
    memory; where that is less than FILE_BYTES a file, there are no more rows."""
    written: Counter[Path] = Counter()
    writers: dict[Path, pq.ParquetWriter] = {}
    with ExitStack() as opened:
        while written.total() < len(paths) * FILE_BYTES and (group := next(groups, None)):
            is_small = written.total() < ONE_COPY_BYTES
            path = paths[0] if is_small else min(paths, key=written.__getitem__)
            rows = pa.concat_tables(group)
            rows = rows.append_column("_dlt_load_id", pa.repeat(load_id, len(rows)))
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
