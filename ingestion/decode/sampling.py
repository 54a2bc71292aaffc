"""Looking at the fields of some records of a block: at all of them would double the reading."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from ingestion.mapping.fields import Fields

SAMPLE = 256
_NAMES = {"VARCHAR": "string", "BOOLEAN": "boolean", "OBJECT": "object", "ARRAY": "array"}
_SAMPLED = """
    select fields.key, fields.type, count(*)
    from (select line from sample where case when json_valid(line)
        then json_type(line) = 'OBJECT' else false end) as objects, json_each(line) as fields
    group by all
"""


def sample(fields: Fields, db: duckdb.DuckDBPyConnection, lines: pa.Table) -> None:
    """Add the fields of about SAMPLE of a block's lines, evenly chosen."""
    step = max(1, len(lines) // SAMPLE)
    chosen = pa.array(range(0, len(lines), step), pa.int64())  # of none, Arrow knows no type
    db.register("sample", lines.select(["line"]).take(chosen))
    fields.sampled += len(chosen)
    for name, kind, records in db.execute(_SAMPLED).fetchall():
        fields.add(name, "null" if kind == "NULL" else _NAMES.get(kind, "number"), records)
