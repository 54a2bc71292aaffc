"""Looking at the fields of some records of a block: at all of them would double the reading."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from ingestion.mapping.fields import Fields

SAMPLE = 256
_NAMES = {"VARCHAR": "string", "BOOLEAN": "boolean", "OBJECT": "object", "ARRAY": "array"}
# Not by json_each: of three records with 10,000 keys it asks for more than a gigabyte.
_SAMPLED = """
    select key, json_type(value), count(*)
    from (
        select unnest(json_keys(line)) as key, unnest(json_extract(line, '$.*')) as value
        from sample
        where case when json_valid(line) then json_type(line) = 'OBJECT' else false end
    )
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
