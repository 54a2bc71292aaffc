"""`make replay [REASON=] [MAPPING=]`: quarantined records are read again, by today's mapping.

What was rejected lies in the landing tables, whole. It is projected anew and replaces itself alone,
under the same source, ingest day, load and unit: for the ledger the unit is what it was, so
delivering it again replaces it like everything else.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import duckdb
import pyarrow as pa

from core.errors import UserError
from core.migrations import prepare
from core.progress import Progress
from core.scratch import scratch_directory
from core.warehouse.connection import Warehouse, postgres_errors
from ingestion.decode.attribution import attributed
from ingestion.decode.line_blocks import MAX_LINE_BYTES
from ingestion.decode.session import session
from ingestion.land.forgotten import Forgotten, forgotten
from ingestion.land.landing import Load, land
from ingestion.land.loads import lease
from ingestion.land.replacement import REJECTED, Units, complete_replay
from ingestion.land.spool import Counts, SpooledFile, spool
from ingestion.mapping.cleaning import NOT_KEPT
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.json_records import json_lines, member
from ingestion.mapping.mapping import Mapping, TableMapping
from ingestion.mapping.reading import BATCH_ROWS, Reading
from ingestion.mapping.reasons import Reason, first_reason
from ingestion.mapping.row_records import named_rows, rejected_lines, slots
from ingestion.outcome import CALLED
from ingestion.settings import ReplaySettings
from ingestion.source_mapping import source_mapping

_FETCH_ROWS = 10_000
EPOCH = datetime.fromtimestamp(0, UTC)
_QUARANTINE = pa.schema(
    [
        ("_ingest_date", pa.date32()),
        ("_file", pa.string()),
        ("_unit", pa.int32()),
        ("reason", pa.string()),
        ("line", pa.string()),
        ("is_object", pa.bool_()),
        ("received", pa.int64()),  # microseconds from 1970 to when the unit's content first came
    ]
)


@dataclass
class Replayed:
    """What a replay of a source's table did, by the reason that the records had before; with
    `is_dry` what it would do."""

    source: str
    table: str
    is_dry: bool = False
    offered: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """A line for people, and one per reason."""
        total, accepted = self.offered.total(), self.accepted.total()
        replayed = "would be replayed (DRY)" if self.is_dry else "replayed"
        became = ("would become " if self.is_dry else "became ") + CALLED[self.table]
        lines = [f"{self.source}: {total:,} records {replayed}, {accepted:,} {became}"]
        lines += [
            f"  {reason}: {records:,} {replayed}, {self.accepted[reason]:,} {became}"
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
    with postgres_errors(warehouse, "the replay"), closing(warehouse.connect()) as db:
        if not prepare(db, settings.dry):
            return []
        with db.cursor() as cursor:
            cursor.execute(
                f"""select source from raw.events where {REJECTED}
                union select source from raw.user_profiles where {REJECTED} order by 1""",
                {"reason": settings.reason},
            )
            sources = [row[0] for row in cursor.fetchall()]
    if settings.mapping:
        given = source_mapping(settings.mapping)
        mappings = [given] if given.name in sources else []
    else:
        mappings = [_mapping_of(source) for source in sources]
    done = []
    for current in mappings:
        progress.start(f"replaying {current.name}", len(mappings))
        try:
            done += _replay(current, settings, warehouse, progress)
        finally:
            progress.done()
    return [one for one in done if one.offered]


def _mapping_of(source: str) -> Mapping:
    try:
        return source_mapping(source)
    except UserError as error:
        raise UserError(
            f"MAPPING={source!r} has quarantined records but is not there any more: give its file, "
            f"MAPPING=/path/{source}.toml, or replay another one by its name"
        ) from error


def _replay(
    mapping: Mapping, settings: ReplaySettings, warehouse: Warehouse, progress: Progress
) -> list[Replayed]:
    """The rejected records of each of a source's tables, in one load."""
    results = []
    selected = {"source": mapping.name, "reason": settings.reason}
    load_id = f"{time.time():.7f}"
    with (
        scratch_directory() as scratch,
        postgres_errors(warehouse, "the replay"),
        closing(warehouse.connect()) as db,
        lease(db, mapping.name, progress.step),
    ):
        landed: dict[str, tuple[Units, Counts]] = {}
        files: dict[str, list[SpooledFile]] = {}
        known = forgotten(db)
        for table in mapping.tables:
            result = Replayed(mapping.name, table.table, settings.dry)
            results.append(result)
            screen = known.fresh()
            again = replace(table, cleaning=replace(table.cleaning, is_replay=True))
            reading = Reading(again, mapping.name, EPOCH, event_ts_min=settings.event_ts_min)
            with session() as duck:
                units = _read(warehouse, duck, table, selected)
                rows = _projected(duck, reading, result, screen) if units else iter(())
                spooled = spool(rows, table.table, load_id, scratch)
            if units:
                files[table.table] = spooled.files
                landed[table.table] = (units, replace(spooled.counts, forgotten=screen.left_out))
        if landed and not settings.dry:
            days = {day for units, _ in landed.values() for _, day, _ in units}
            load = Load(load_id, mapping.name, days, files, scratch / "dlt")
            completes = partial(complete_replay, db, load_id, selected, landed, known)
            land(db, warehouse, load, progress.step, completes)
    return results


def _read(
    warehouse: Warehouse,
    duck: duckdb.DuckDBPyConnection,
    table: TableMapping,
    selected: dict[str, str],
) -> Units:
    """The records into the DuckDB table `quarantine`; their units."""
    duck.register("batch", _QUARANTINE.empty_table())
    duck.execute("create table quarantine as from batch")
    units: Units = {}
    with closing(warehouse.connect()) as db, db.cursor("quarantine") as cursor:
        db.autocommit = False  # a server-side cursor lives in a transaction
        cursor.execute(
            f"""select r.ingest_date, r.file, r.reject_reason, r.payload #>> '{{}}',
                jsonb_typeof(r.payload) = 'object', r._dlt_load_id, r._unit,
                (extract(epoch from u.received_at) * 1000000)::bigint
            from raw.{table.table} as r
            inner join raw.units as u on u.live and u.table_name = %(table)s
                and u.load_id = r._dlt_load_id and u.ingest_date = r.ingest_date
                and u.unit_no = r._unit
            where r.source = %(source)s and {REJECTED}""",
            selected | {"table": table.table},
        )
        while rows := cursor.fetchmany(_FETCH_ROWS):
            days, files, reasons, lines, are_objects, loads, numbers, moments = zip(
                *rows, strict=True
            )
            keys = zip(loads, days, numbers, strict=True)
            new = [units.setdefault(key, len(units)) for key in keys]
            columns = [days, files, new, reasons, lines, are_objects, moments]
            duck.register("batch", pa.table(columns, schema=_QUARANTINE))
            duck.execute("insert into quarantine from batch")
    return units


def _projected(
    duck: duckdb.DuckDBPyConnection, reading: Reading, result: Replayed, screen: Forgotten
) -> Iterator[pa.RecordBatch]:
    """The records as landing rows, counted in `result`; read as of when they first came. Without
    those of forgotten users, whose they may be by today's mapping."""
    suffix = r"regexp_extract(coalesce(_file, ''), '\.(\w+)(\.gz|\.zst)?$', 1)"
    file_format = quoted(reading.mapping.format) if reading.mapping.format else suffix
    duck.execute(
        f"""create table grouped as select *, case
                when {file_format} not in ('csv', 'tsv', 'parquet') then ['line']
                when is_object then json_keys(line) end as kind
        from quarantine"""
    )
    groups = "select reason, kind, received, count(*) from grouped group by all order by all"
    for reason, kind, received, records in duck.sql(groups).fetchall():
        result.offered[reason] += records
        as_of = replace(reading, started_at=EPOCH + timedelta(microseconds=received))
        query = _query(as_of, reason, kind, received)
        batches = duck.sql(query).to_arrow_table().to_batches(BATCH_ROWS)
        for batch in screen.kept(attributed(batches, as_of)):
            result.accepted[reason] += batch["reject_reason"].null_count
            yield batch


def _query(reading: Reading, reason: str, kind: list[str] | None, received: int) -> str:
    """The query that reads records of one reason, kind and moment of receipt again.

    A record that came as a row of columns (CSV, Parquet) is split into its columns again. What was
    no such row (a broken line of CSV, whose header is gone) cannot become one: it stays as it is.
    """
    keys = "null" if kind is None else f"[{', '.join(map(quoted, kind))}]"
    group = f"""(from grouped where reason = {quoted(reason)} and received = {received}
        and kind is not distinct from {keys})"""
    if kind is None:
        return rejected_lines(reading, group)
    if kind == ["line"]:
        # What only the reader of a file can see.
        seen = {
            Reason.OVERSIZED_RECORD: f"strlen(line) > {MAX_LINE_BYTES}",
            Reason.INVALID_ENCODING: f"reason = '{Reason.INVALID_ENCODING}'",
        }
        kept = f"case when starts_with(line, {quoted(NOT_KEPT)}) then reason end"
        return json_lines(reading, group, first_reason(seen, otherwise=kept))
    columns = ", ".join(
        f"json_extract_string(line, {quoted(member(key))}) as {slot}"
        for key, slot in zip(kind, slots(kind), strict=True)
    )
    rows = f"(select _file, _ingest_date, _unit, {columns} from {group})"
    return named_rows(reading, rows, kind, f"a record that was {reason}")
