"""One ingestion: from settings to a completed load, and what to tell the user about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path

import pyarrow as pa
from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.migrations import prepare
from core.progress import Progress
from core.scratch import scratch_directory
from core.warehouse.connection import Warehouse, postgres_errors
from core.warehouse.locks import exclusively
from ingestion.decode.attribution import attributed
from ingestion.decode.readers import read
from ingestion.deliveries import Look, deliveries
from ingestion.land.call_budget import call_budget
from ingestion.land.drift import (
    changes,
    previous_fields,
    refuse_lost_fields,
    refuse_too_many_rejects,
)
from ingestion.land.forgotten import Forgotten, forgotten
from ingestion.land.intake import Intake, Received
from ingestion.land.landing import Load, land
from ingestion.land.ledger import complete_load, note_confirmed
from ingestion.land.loads import lease, make_room
from ingestion.land.page_ends import note_page_ends, page_ends
from ingestion.land.spool import SpooledFile, spool
from ingestion.land.units import Plan, also_elsewhere, live_units
from ingestion.mapping.mapping import Mapping, TableMapping, load_mapping
from ingestion.mapping.reading import Reading
from ingestion.outcome import IngestResult, outcome
from ingestion.settings import IngestSettings
from ingestion.source.unit import PageEnds


def ingest(
    settings: IngestSettings, warehouse: Warehouse, progress: Progress, look: Look | None = None
) -> IngestResult:
    """Land the units of `settings` that are not as before, and make them live.

    Args:
        settings: which days, from where, read how.
        warehouse: where to.
        progress: is told what goes on.
        look: what the source has, where that is known already.

    Raises:
        UserError: a setting is wrong, the source failed, or the warehouse did; nothing has
            changed then. Unavailable where trying again later may help.
    """
    mapping = load_mapping(settings.mapping)
    mapping = replace(mapping, name=settings.source_name or mapping.name)
    if settings.profiles_url and mapping.profiles is None:
        raise UserError(
            f"PROFILES_URL={settings.profiles_url!r}: MAPPING={mapping.name!r} has no [profiles]"
        )
    with (
        scratch_directory() as scratch,
        _shown(progress),
        postgres_errors(warehouse, "the load into Postgres"),
        closing(warehouse.connect()) as db,
        call_budget(warehouse, mapping.name, settings.calls_per_day) as spend,
    ):
        is_used = prepare(db, settings.dry)
        with lease(db, mapping.name, progress.waiting):
            known_db = db if is_used else None
            intakes = _planned(known_db, settings, mapping, progress, spend, look)
            if settings.dry:
                return _dry(settings, mapping, intakes)
            known = forgotten(db)
            load = _spooled(settings, mapping, intakes, known, (scratch, progress))
            drift = _judged(db, settings, mapping, intakes)
            return _landed(db, warehouse, settings, load, (intakes, known, drift, progress))


def _planned(
    db: Connection | None,
    settings: IngestSettings,
    mapping: Mapping,
    progress: Progress,
    spend: Callable[[], None],
    look: Look | None,
) -> dict[str, Intake]:
    """By table, what the source has, beside what was delivered before: nothing to a database that
    was never used (`db` is None)."""
    started_at = datetime.now(UTC)
    intakes = {}
    marks = {table.table: table.cleaning.key_mark for table in mapping.tables}
    seen = partial(page_ends, db, mapping.name) if db else lambda _, place: PageEnds(place)
    if look is None:
        look = Look(deliveries(settings, mapping, progress, seen, spend))
    for table, delivery in look.deliveries.items():
        live = live_units(db, mapping.name, table, delivery.asked) if db else []
        read_as = f"{mapping.digests[table]}-{settings.event_ts_min}{marks[table]}"
        plan = Plan(mapping.name, table, delivery, live, read_as, settings.force, look.held)
        plan.gone(plan.wanted)  # what is refused, is refused before anything is read
        intakes[table] = Intake(plan, started_at)
    return intakes


def _spooled(
    settings: IngestSettings,
    mapping: Mapping,
    intakes: dict[str, Intake],
    known: Forgotten,
    where: tuple[Path, Progress],
) -> Load:
    """All units that are not as before, read to their end, without the rows of forgotten users."""
    scratch, progress = where
    load_id = f"{time.time():.7f}"
    files: dict[str, list[SpooledFile]] = {}
    progress.start(f"reading {mapping.name}", len(intakes["events"].plan.wanted))
    for table in mapping.tables:
        if intake := intakes.get(table.table):
            units = _shown_by_unit(intake.units(scratch), progress, table)
            reading = Reading(
                table,
                mapping.name,
                intake.started_at,
                event_ts_min=settings.event_ts_min,
                fields=intake.fields,
            )
            screen = known.fresh()
            rows = screen.kept(_rows(units, reading))
            spooled = spool(rows, table.table, load_id, scratch)
            intake.counts = replace(spooled.counts, forgotten=screen.left_out)
            files[table.table] = spooled.files
    days = {day for intake in intakes.values() for day in outcome(intake).days}
    return Load(load_id, mapping.name, days, files, scratch / "dlt")


def _rows(received: Iterator[Received], reading: Reading) -> Iterator[pa.RecordBatch]:
    """The landing rows of units. Those whose content first came earlier are read as of then."""
    for received_at, alike in groupby(received, key=lambda each: each.received_at):
        as_of = replace(reading, started_at=received_at)
        yield from attributed(read((each.unit for each in alike), as_of), as_of)


def _shown_by_unit(
    received: Iterator[Received], progress: Progress, table: TableMapping
) -> Iterator[Received]:
    """The units, while the progress display counts those of events."""
    for each in received:
        yield each
        if table.table == "events":
            progress.advance()


def _landed(
    db: Connection,
    warehouse: Warehouse,
    settings: IngestSettings,
    load: Load,
    read: tuple[dict[str, Intake], Forgotten, list[str], Progress],
) -> IngestResult:
    """The load made live; none where nothing came or went."""
    intakes, known, drift, progress = read
    for table, intake in intakes.items():
        if intake.plan.delivery.ends:
            note_page_ends(db, load.source, table, intake.plan.delivery.ends)
    tables = {table: outcome(intake) for table, intake in intakes.items()}
    result = IngestResult(
        load.source,
        settings.asked,
        tables,
        drift=tuple(drift),
        left_out=sum(intake.plan.delivery.left_out for intake in intakes.values()),
        twice=tuple(_twice(db, load.source, intakes)),
    )
    if all(table.is_unchanged for table in tables.values()):
        with exclusively(db):
            for table, intake in intakes.items():
                note_confirmed(db, table, intake)
        return result
    land(
        db,
        warehouse,
        load,
        progress.step,
        lambda: complete_load(db, warehouse, load.load_id, load.source, intakes, known),
    )
    for table, done in tables.items():
        make_room(db, table, done.replaced_rows + done.retracted_rows)
    return replace(result, load_id=load.load_id)


def _twice(db: Connection, source: str, intakes: dict[str, Intake]) -> Iterator[str]:
    """The files that the template names for more than one window, when these are asked for one by
    one; for all at once, each is delivered in the last."""
    for table, intake in intakes.items():
        contents = {each.found.key: each.unit.content for each in intake.received}
        contents = {key: content for key, content in contents.items() if content}
        for unit in also_elsewhere(db, source, table, contents):
            yield f"{unit.key.name} (delivered for {unit.key.window} too)"


def _dry(settings: IngestSettings, mapping: Mapping, intakes: dict[str, Intake]) -> IngestResult:
    """What would be read, as far as fingerprints tell."""
    tables = {table: outcome(intake, is_dry=True) for table, intake in intakes.items()}
    return IngestResult(mapping.name, settings.asked, tables, is_dry=True)


@contextmanager
def _shown(progress: Progress) -> Iterator[None]:
    """The bar is removed also before an error is printed: it hides the cursor."""
    try:
        yield
    finally:
        progress.done()


def _judged(
    db: Connection, settings: IngestSettings, mapping: Mapping, intakes: dict[str, Intake]
) -> list[str]:
    """What is different from the source's last load, for people.

    Raises:
        UserError: a field that the mapping needs is gone, or too much would be quarantined.
    """
    drift: list[str] = []
    for table in mapping.tables:
        intake = intakes.get(table.table)
        if intake is None or not intake.received:
            continue
        before = previous_fields(db, mapping.name, table.table)
        refuse_lost_fields(mapping.name, table, before, intake.fields)
        drift += changes(before, intake.fields)
        if table.table == "events":
            refuse_too_many_rejects(
                mapping.name, settings.max_quarantined, intake.counts.rejected, intake.total
            )
    return drift
