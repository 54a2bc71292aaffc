"""Delivered units of any format to landing rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import duckdb
import pyarrow as pa

from core.errors import UserError
from core.scratch import scratch_directory
from ingestion.decode.encodings import plain_units
from ingestion.decode.json_lines import read_lines
from ingestion.decode.recognition import JSON, recognised
from ingestion.decode.session import session
from ingestion.decode.tables import read_tables
from ingestion.mapping.reading import Reading
from ingestion.source.unit import Unit

# CSV and Parquet are read in groups of about this many bytes, so that what is unpacked fits on the
# disk.
GROUP_BYTES = 512 * 2**20


def read(units: Iterable[Unit], reading: Reading) -> Iterator[pa.RecordBatch]:
    """All records of the units as landing rows, in their order.

    A unit's bytes are looked at once; those of a copy are gone then.

    Raises:
        UserError: a unit cannot be read as its format, or lacks a column that the mapping needs.
    """
    try:
        shape = reading.mapping.files
        known = (unit if unit.is_known else recognised(unit, shape) for unit in units)
        for is_lines, alike in groupby(known, key=lambda unit: unit.format in JSON):
            read_alike = read_lines if is_lines else _tables
            yield from read_alike(alike, reading)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"MAPPING={reading.source!r} cannot read the files: {reason}") from None


def _tables(units: Iterable[Unit], reading: Reading) -> Iterator[pa.RecordBatch]:
    for group in _groups(units):
        with scratch_directory() as scratch, session() as db:
            plain = plain_units(group, reading.mapping.files, scratch)
            yield from read_tables(db, plain, reading, scratch)
        for unit in group:
            unit.remove()


def _groups(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """The units in groups of GROUP_BYTES, each of at least one."""
    group: list[Unit] = []
    size = 0
    for unit in units:
        group.append(unit)
        size += unit.size
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
