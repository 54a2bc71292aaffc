"""The landing columns: what Arrow batches are cast to before they go to Postgres.

ADBC does not cast (an int64 batch into a float8 column stores garbage without an error), so every
batch is cast to one of these schemas.
"""

from __future__ import annotations

import pyarrow as pa

# Postgres' binary jsonb is a version byte, 1, before the text (jsonb_recv in its source). With the
# byte in front, a text column goes straight into a jsonb column by binary COPY: no second pass.
JSONB_VERSION = "\x01"
# Stands before the two hex digits of a byte that is no UTF-8. Unicode: no text has this character.
NO_UTF8 = "\ufdd0"

EVENTS = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("event_type", pa.string()),
        ("event_ts", pa.timestamp("us", tz="UTC")),
        ("region", pa.string()),
        ("payload", pa.string()),
        ("ingest_date", pa.date32()),
        ("event_date", pa.date32()),
        ("reject_reason", pa.string()),
        ("parse_error", pa.string()),  # the same; readable for one release
        ("source", pa.string()),
        ("file", pa.string()),  # of rejected records, for `make replay`
        ("_unit", pa.int32()),  # which of the load's units
    ]
)

USER_PROFILES = pa.schema(
    [
        ("user_id", pa.string()),
        ("tier", pa.string()),
        ("region", pa.string()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
        ("payload", pa.string()),
        ("ingest_date", pa.date32()),
        ("reject_reason", pa.string()),
        ("parse_error", pa.string()),
        ("source", pa.string()),
        ("file", pa.string()),
        ("_unit", pa.int32()),
    ]
)

SCHEMAS = {"events": EVENTS, "user_profiles": USER_PROFILES}
