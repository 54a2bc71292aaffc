"""One reading of a table's records: what readers need to know, and what they see on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from ingestion.mapping.fields import Fields
from ingestion.mapping.mapping import TableMapping

# Earlier times are unset clocks (1970, 1980) in every log that we have seen.
EVENT_TS_MIN = date(1990, 1, 1)
BATCH_ROWS = 100_000  # at most, in an Arrow batch of Parquet or CSV


@dataclass(frozen=True)
class Reading:
    """How the records of one table are read.

    `mapping`: what a record is. `source`: the name it lands under, the mapping's. `started_at`:
    when the content first came; an event cannot be later than a day after it. `batch_rows`: at most
    so many in an Arrow batch. `event_ts_min`: the first UTC day that an event can be of. `fields`:
    of the records, seen while they are read.
    """

    mapping: TableMapping
    source: str
    started_at: datetime
    batch_rows: int = BATCH_ROWS
    event_ts_min: date = EVENT_TS_MIN
    fields: Fields = field(default_factory=Fields)
