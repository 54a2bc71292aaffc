"""The floor of ingestion: what the two tools cost that nobody can do without, one after the other.

It checks no record, keeps no original, counts nothing, and cannot replace a day.
"""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.measure import execute
from core.warehouse.connection import Warehouse

COLUMNS = (
    "event_id, user_id, event_type, event_ts, region, payload, ingest_date, event_date, "
    "reject_reason, parse_error, source, _dlt_load_id, file"
)


def load(warehouse: Warehouse, files: Path, scratch: Path, day: date) -> None:
    """DuckDB parses `files` (a path or glob) to a CSV file in `scratch`, then one COPY of the
    columns of raw.events into a new table of the same types and indexes, `floor_events`."""
    target = scratch / "floor.csv"
    duckdb.execute(
        f"""copy (select event_id, user_id, event_type, event_ts, region, properties as payload,
                date '{day}' as ingest_date, left(event_ts, 10) as event_date,
                null as reject_reason, null as parse_error, 'canonical' as source,
                '1' as _dlt_load_id, null as file
            from read_json('{files}', format='newline_delimited',
                columns={{event_id: 'VARCHAR', user_id: 'VARCHAR', event_type: 'VARCHAR',
                event_ts: 'VARCHAR', region: 'VARCHAR', properties: 'JSON'}}))
        to '{target}' (format csv, header false)"""
    )
    execute(warehouse, "create table floor_events (like raw.events including all)")
    with closing(warehouse.connect()) as db, db.cursor() as cursor, target.open() as file:
        cursor.copy_expert(f"copy floor_events ({COLUMNS}) from stdin (format csv)", file)
    target.unlink()
