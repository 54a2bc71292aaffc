"""`make replay [REASON=] [MAPPING=]`: quarantined records are read again, by today's mapping.

What was rejected lies in `raw.events` whole. It is projected anew and replaces exactly itself,
under the same source, ingest day and load: for the ledger the day's delivery is what it was, so
delivering the day again replaces it like everything else.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.migrations import migrate
from core.progress import Progress
from core.scratch import scratch_directory
from core.warehouse.connection import Warehouse
from core.warehouse.locks import exclusively
from ingestion.decode.json_lines import MAX_LINE_BYTES
from ingestion.decode.session import session
from ingestion.land.landing import Load, land
from ingestion.land.ledger import Delivered, mark_changed
from ingestion.land.spool import spool
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.json_records import json_lines, member
from ingestion.mapping.mapping import Mapping, load_mapping
from ingestion.mapping.reading import BATCH_ROWS, Reading
from ingestion.mapping.reasons import Reason, first_reason
from ingestion.mapping.row_records import named_rows, rejected_lines, slots
from ingestion.settings import ReplaySettings

_REJECTED = "reject_reason is not null and (%(reason)s = '' or reject_reason = %(reason)s)"
_OF_THE_DAYS = "source = %(source)s and ingest_date = any(%(days)s::date[])"
_FETCH_ROWS = 10_000
_QUARANTINE = pa.schema(
    [
        ("_ingest_date", pa.date32()),
        ("_file", pa.string()),
        ("reason", pa.string()),
        ("line", pa.string()),
        ("is_object", pa.bool_()),
    ]
)


@dataclass
class Replayed:
    """What a replay of one source did, by the reason that the records had before."""

    source: str
    offered: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """A line for people, and one per reason."""
        total, events = self.offered.total(), self.events.total()
        lines = [f"{self.source}: {total:,} records replayed, {events:,} became events"]
        lines += [
            f"  {reason}: {records:,} replayed, {self.events[reason]:,} became events"
            for reason, records in sorted(self.offered.items())
        ]
        return "\n".join(lines)


def replay(settings: ReplaySettings, warehouse: Warehouse, progress: Progress) -> list[Replayed]:
    """Read quarantined records again, source by source; a source is replayed whole or not at all.

    Args:
        settings: which records, and how early an event may be.
        warehouse: where they are.
        progress: shows the sources.

    Raises:
        UserError: a source's mapping is not there any more, or its records changed meanwhile.
    """
    with closing(warehouse.connect()) as db:
        migrate(db)
        with db.cursor() as cursor:
            cursor.execute(
                f"select distinct source from raw.events where {_REJECTED} order by 1",
                {"reason": settings.reason},
            )
            sources = [row[0] for row in cursor.fetchall()]
    if settings.mapping:
        given = load_mapping(settings.mapping)
        mappings = [given] if given.name in sources else []
    else:
        mappings = [_mapping_of(source) for source in sources]
    done = []
    for current in mappings:
        progress.start(f"replaying {current.name}", len(mappings))
        try:
            done.append(_replay(current, settings, warehouse, progress))
        finally:
            progress.done()
    return [one for one in done if one.offered]


def _mapping_of(source: str) -> Mapping:
    try:
        return load_mapping(source)
    except UserError as error:
        raise UserError(
            f"MAPPING={source!r} has quarantined records but is not there any more: give its file, "
            f"MAPPING=/path/{source}.toml, or replay another one by its name"
        ) from error


def _replay(
    mapping: Mapping, settings: ReplaySettings, warehouse: Warehouse, progress: Progress
) -> Replayed:
    result = Replayed(mapping.name)
    selected = {"source": mapping.name, "reason": settings.reason}
    with scratch_directory() as scratch, closing(warehouse.connect()) as db, session() as duck:
        loads, started_at = _read(warehouse, duck, selected)
        if loads:
            load_id = f"{time.time():.7f}"
            earliest = settings.event_ts_min
            reading = Reading(mapping.events, mapping.name, started_at, event_ts_min=earliest)
            spooled = spool(_projected(duck, reading, result), "events", load_id, scratch)
            delivered = {"events": Delivered(set(loads), spooled.counts)}
            files = {"events": spooled.files}
            land(
                db,
                warehouse,
                Load(load_id, mapping.name, delivered, files, scratch / "dlt"),
                progress.step,
                partial(_complete, selected=selected, loads=loads),
            )
    return result


def _read(
    warehouse: Warehouse, duck: duckdb.DuckDBPyConnection, selected: dict[str, str]
) -> tuple[dict[date, str], datetime]:
    """The records into the DuckDB table `quarantine`; their days with the load of each, and when
    the latest of those loads began."""
    duck.register("batch", _QUARANTINE.empty_table())
    duck.execute("create table quarantine as from batch")
    loads: dict[date, str] = {}
    started_at = datetime.fromtimestamp(0, UTC)
    with closing(warehouse.connect()) as db, db.cursor("quarantine") as cursor:
        db.autocommit = False  # a server-side cursor lives in a transaction
        cursor.execute(
            f"""select e.ingest_date, e.file, e.reject_reason, e.payload #>> '{{}}',
                jsonb_typeof(e.payload) = 'object', e._dlt_load_id, l.started_at
            from raw.events as e
            inner join raw.deliveries as d on d.table_name = 'events' and d.source = e.source
                and d.ingest_date = e.ingest_date and d.load_id = e._dlt_load_id
            inner join raw.loads as l on l.load_id = d.load_id
            where e.source = %(source)s and {_REJECTED}""",
            selected,
        )
        while rows := cursor.fetchmany(_FETCH_ROWS):
            columns = list(zip(*rows, strict=True))
            loads |= dict(zip(columns[0], columns[5], strict=True))
            started_at = max(started_at, *columns[6])
            duck.register("batch", pa.table(columns[: len(_QUARANTINE)], schema=_QUARANTINE))
            duck.execute("insert into quarantine from batch")
    return loads, started_at


def _projected(
    duck: duckdb.DuckDBPyConnection, reading: Reading, result: Replayed
) -> Iterator[pa.RecordBatch]:
    """The records as landing rows, counted in `result`."""
    suffix = r"regexp_extract(coalesce(_file, ''), '\.(\w+)(\.gz|\.zst)?$', 1)"
    file_format = quoted(reading.mapping.format) if reading.mapping.format else suffix
    duck.execute(
        f"""create table grouped as select *, case
                when {file_format} not in ('csv', 'tsv', 'parquet') then ['line']
                when is_object then json_keys(line) end as kind
        from quarantine"""
    )
    groups = "select reason, kind, count(*) from grouped group by all order by all"
    for reason, kind, records in duck.sql(groups).fetchall():
        result.offered[reason] += records
        query = _query(reading, reason, kind)
        for batch in duck.sql(query).to_arrow_table().to_batches(BATCH_ROWS):
            result.events[reason] += batch["reject_reason"].null_count
            yield batch


def _query(reading: Reading, reason: str, kind: list[str] | None) -> str:
    """The query that reads records of one reason and kind again.

    A record that came as a row of columns (CSV, Parquet) is split into its columns again. What was
    no such row (a broken line of CSV, whose header is gone) cannot become one: it stays as it is.
    """
    keys = "null" if kind is None else f"[{', '.join(map(quoted, kind))}]"
    group = f"""(from grouped where reason = {quoted(reason)}
        and kind is not distinct from {keys})"""
    if kind is None:
        return rejected_lines(reading, group)
    if kind == ["line"]:
        # What only the reader of a file can see.
        seen = {
            Reason.OVERSIZED_RECORD: f"strlen(line) > {MAX_LINE_BYTES}",
            Reason.INVALID_ENCODING: f"reason = '{Reason.INVALID_ENCODING}'",
        }
        return json_lines(reading, group, first_reason(seen))
    columns = ", ".join(
        f"json_extract_string(line, {quoted(member(key))}) as {slot}"
        for key, slot in zip(kind, slots(kind), strict=True)
    )
    received = f"(select _file, _ingest_date, {columns} from {group})"
    return named_rows(reading, received, kind, f"a record that was {reason}")


def _complete(
    db: Connection,
    load_id: str,
    source: str,
    delivered: dict[str, Delivered],
    *,
    selected: dict[str, str],
    loads: dict[date, str],
) -> None:
    """The new rows take the old ones' place and load, in one transaction.

    Raises:
        UserError: the records are not those that were read; nothing has changed then.
    """
    parameters = selected | {
        "days": sorted(loads),
        "loads": list(loads.values()),
        "new": load_id,
    }
    with exclusively(db), db.cursor() as cursor:
        cursor.execute(
            f"""select ingest_date, load_id from raw.deliveries
            where table_name = 'events' and {_OF_THE_DAYS}""",
            parameters,
        )
        is_unchanged = dict(cursor.fetchall()) == loads
        touched, moved = _take_their_place(db, parameters)
        if not is_unchanged or moved != {delivered["events"].total}:
            raise UserError(
                f"MAPPING={source!r}: its quarantined records have changed meanwhile, run it again"
            )
        _note_delivered_days(db, parameters)
        changed = [("ingest_date", day) for day in sorted(loads)]
        mark_changed(db, changed + [("event_date", day) for day in touched])
        cursor.execute(
            "update raw.loads set completed_at = clock_timestamp() where load_id = %s", (load_id,)
        )


def _take_their_place(db: Connection, parameters: dict[str, Any]) -> tuple[list[date], set[int]]:
    """The new rows in place of the old ones, under their loads. Returns the days of new events, and
    how many rows went and came."""
    with db.cursor() as cursor:
        cursor.execute(
            f"""delete from raw.events
            where {_OF_THE_DAYS} and _dlt_load_id = any(%(loads)s) and {_REJECTED}""",
            parameters,
        )
        gone = cursor.rowcount
        cursor.execute(
            f"""select distinct event_date from raw.events
            where {_OF_THE_DAYS} and _dlt_load_id = %(new)s and reject_reason is null order by 1""",
            parameters,
        )
        touched = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            """update raw.events as e set _dlt_load_id = d.load_id from raw.deliveries as d
            where e._dlt_load_id = %(new)s and e.ingest_date = any(%(days)s::date[])
                and d.table_name = 'events' and d.source = e.source
                and d.ingest_date = e.ingest_date""",
            parameters,
        )
        return touched, {gone, cursor.rowcount}


def _note_delivered_days(db: Connection, parameters: dict[str, Any]) -> None:
    """What the days hold is counted anew; tombstones stay."""
    with db.cursor() as cursor:
        cursor.execute(
            f"""delete from raw.delivered_days
            where rows > 0 and table_name = 'events' and {_OF_THE_DAYS}""",
            parameters,
        )
        cursor.execute(
            f"""insert into raw.delivered_days
                (source, table_name, ingest_date, event_date, region, rows)
            select source, 'events', ingest_date, event_date, region, count(*) from raw.events
            where {_OF_THE_DAYS} and _dlt_load_id = any(%(loads)s)
            group by 1, 2, 3, 4, 5""",
            parameters,
        )
