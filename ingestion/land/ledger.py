"""The ledger: which units are live, what they hold, and which days changed.

A load is live when its row in `raw.loads` is completed; rows in `raw.events` whose load is not
are invisible to every model. Completing a load is one transaction that also takes back what its
units take the place of, so readers see an old delivery or its new one, never both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from core.errors import UserError
from core.warehouse.connection import Warehouse
from core.warehouse.locks import exclusively
from ingestion.land.deletions import deleted_days
from ingestion.land.drift import store_fields
from ingestion.land.forgotten import Forgotten
from ingestion.land.intake import Intake
from ingestion.land.loads import require_all_landed
from ingestion.land.units import LiveUnit
from ingestion.source.unit import UnitKey

# The rows of units, as `gone`: one key for a whole day of older loads and for a unit of today's.
_GONE = "unnest(%(loads)s::text[], %(days)s::date[], %(numbers)s::int[]) as gone (load_id, day, no)"
_OF_GONE = """r._dlt_load_id = gone.load_id and r.ingest_date = gone.day and r._unit = gone.no
    and r.ingest_date between %(first)s and %(last)s"""


def complete_load(
    db: Connection,
    warehouse: Warehouse,
    load_id: str,
    source: str,
    intakes: dict[str, Intake],
    known: Forgotten,
) -> None:
    """Make a load live: its units, and no longer those that they take the place of.

    Args:
        db, warehouse: the connection that began the load, and where it leads.
        load_id: of its rows.
        source: the mapping's name.
        intakes: by table, what was received.
        known: the forgotten users whose rows were left out.

    Raises:
        UserError: fewer or more rows have landed than were received, or the units that were to go
            have changed meanwhile, or who is forgotten; nothing has changed then.
    """
    with (
        closing(warehouse.connect()) as other,
        ThreadPoolExecutor(1) as beside,
        exclusively(db),
        db.cursor() as cursor,
    ):
        # While old rows go, which is on one core: of 1 M changed rows 0.4 s of 1.4.
        came = {table: each.landing for table, each in intakes.items() if each.received}
        counted = beside.submit(require_all_landed, other, load_id, came)
        known.require_unchanged(db)
        for table, intake in intakes.items():
            _take_places(db, table, load_id, source, intake)
        cursor.execute(
            "update raw.loads set completed_at = clock_timestamp() where load_id = %s", (load_id,)
        )
        counted.result()


def _take_places(db: Connection, table: str, load_id: str, source: str, intake: Intake) -> None:
    """A table's part of it: the units that came, for those that go."""
    gone = intake.gone
    if gone or intake.received:
        changed = _take_off(db, source, table, gone, load_id)
        changed |= _note_units(db, table, load_id, source, intake)
        if intake.counts.deletions:
            changed |= deleted_days(db, "r._dlt_load_id = %(load)s", {"load": load_id})
        _mark(db, source, table, changed)
    note_confirmed(db, table, intake)
    store_fields(db, load_id, table, intake.fields)


def take_back(db: Connection, source: str, table: str, units: Sequence[LiveUnit]) -> None:
    """Take units off the ledger, and their rows out of the landing table.

    Args:
        db: an autocommit connection to the warehouse.
        source: the mapping's name.
        table: "events" or "user_profiles".
        units: live ones of these.

    Raises:
        UserError: they have changed meanwhile; nothing has changed then.
    """
    with exclusively(db):
        _mark(db, source, table, _take_off(db, source, table, units, ""))


Held = set[tuple[date, date | None]]


def _mark(db: Connection, source: str, table: str, changed: Held) -> None:
    """Give the days of units that came or went, as (ingest day, event day), a new version."""
    days = sorted({day for day, _ in changed})
    _note_tombstones(db, source, table, days, changed)
    delivered_on = "ingest_date" if table == "events" else "profile_date"
    touched = sorted({event_date for _, event_date in changed if event_date})
    # In the order of the days: two loads that touch the same days cannot deadlock.
    mark_changed(
        db, [(delivered_on, day) for day in days] + [("event_date", day) for day in touched]
    )


def _take_off(
    db: Connection, source: str, table: str, gone: Sequence[LiveUnit], load_id: str
) -> Held:
    """End units, with their rows. Returns the (ingest day, event day) that they had.

    Raises:
        UserError: one of them is no longer live.
    """
    if not gone:
        return set()
    parameters = _parameters(gone) | {"table": table, "new": load_id}
    with db.cursor() as cursor:
        cursor.execute(
            f"""update raw.units as u set live = false, ended_at = clock_timestamp() from {_GONE}
            where u.live and u.table_name = %(table)s and u.load_id = gone.load_id
                and u.ingest_date = gone.day and u.unit_no = gone.no""",
            parameters,
        )
        if cursor.rowcount != len(gone):
            raise UserError(
                f"MAPPING={source!r}: what was delivered before has changed meanwhile, run it again"
            )
        cursor.execute(
            f"""delete from raw.delivered_days as d using {_GONE}
            where d.table_name = %(table)s and d.load_id = gone.load_id
                and d.ingest_date = gone.day and d.unit_no = gone.no
            returning d.ingest_date, d.event_date""",
            parameters,
        )
        had: Held = {(day, event_date) for day, event_date in cursor.fetchall()}
        if table == "user_profiles":
            _note_retracted(db, parameters)
        else:
            of_gone = f"exists (select from {_GONE} where {_OF_GONE})"
            had |= deleted_days(db, of_gone, parameters)
        cursor.execute(f"delete from raw.{table} as r using {_GONE} where {_OF_GONE}", parameters)
    return had | {(unit.ingest_date, None) for unit in gone}


def _parameters(gone: Sequence[LiveUnit]) -> dict[str, object]:
    days = [unit.ingest_date for unit in gone]
    return {
        "loads": [unit.load_id for unit in gone],
        "days": days,
        "numbers": [unit.number for unit in gone],
        "first": min(days),
        "last": max(days),
    }


def _note_retracted(db: Connection, parameters: dict[str, object]) -> None:
    """Note the users of profiles that the units said before and the load does not say now."""
    said = "r.ingest_date, r.user_id, r.tier, r.region, r.updated_at"
    with db.cursor() as cursor:
        cursor.execute(
            f"""insert into raw.retracted_profiles (ingest_date, user_id)
            select distinct ingest_date, user_id from (
                select {said} from raw.user_profiles as r, {_GONE}
                where {_OF_GONE} and r.user_id is not null
                except
                select {said} from raw.user_profiles as r
                where r._dlt_load_id = %(new)s and r.ingest_date between %(first)s and %(last)s
            ) as retracted""",
            parameters,
        )


def _note_units(db: Connection, table: str, load_id: str, source: str, intake: Intake) -> Held:
    """Note the load's units and what they hold. Returns their (ingest day, event day)."""
    days = {received.unit.number: received.unit.day for received in intake.received}
    rows = dict.fromkeys(days, 0)
    for (number, _, _), count in intake.counts.rows.items():
        rows[number] += count
    with db.cursor() as cursor:
        execute_values(
            cursor,
            """insert into raw.units (source, table_name, unit, region, window_start, window_end,
                ingest_date, load_id, unit_no, rows, url, fingerprint, content, read_as,
                received_at, checked_at, forgotten, completed_at) values %s""",
            [
                (
                    *(source, table, *_named(received.found.key)),
                    *(received.unit.day, load_id, received.unit.number),
                    *(rows[received.unit.number], received.found.url),
                    *(received.found.fingerprint.text, received.unit.content, intake.plan.read_as),
                    *(received.received_at, intake.started_at),
                    intake.counts.forgotten[received.unit.number],
                )
                for received in intake.received
            ],
            template=f"({', '.join(['%s'] * 17)}, clock_timestamp())",
        )
        execute_values(
            cursor,
            """insert into raw.delivered_days (source, table_name, ingest_date, event_date, region,
                rows, load_id, unit_no) values %s""",
            [
                (source, table, days[number], event_date, region, count, load_id, number)
                for (number, event_date, region), count in intake.counts.rows.items()
            ],
        )
    held: Held = {(days[number], event_date) for number, event_date, _ in intake.counts.rows}
    return held | {(day, None) for day in days.values()}


def _named(key: UnitKey) -> tuple[object, ...]:
    window = key.window
    return (key.name, key.region, window and window.start, window and window.end)


def note_confirmed(db: Connection, table: str, intake: Intake) -> None:
    """Units of the same content have another fingerprint, or lie elsewhere: next time that is known
    without reading them."""
    news = [
        (
            *(found.url, found.fingerprint.text, intake.started_at),
            *(table, unit.load_id, unit.ingest_date, unit.number),
        )
        for unit, found in intake.confirmed
        if found.fingerprint.text
    ]
    with db.cursor() as cursor:
        execute_values(
            cursor,
            """update raw.units as u
            set url = n.url, fingerprint = n.fingerprint, checked_at = n.checked_at
            from (values %s) as n (url, fingerprint, checked_at, table_name, load_id, day, no)
            where u.table_name = n.table_name and u.load_id = n.load_id and u.ingest_date = n.day
                and u.unit_no = n.no""",
            news,
        )


def _note_tombstones(
    db: Connection, source: str, table: str, days: Sequence[date], changed: Held
) -> None:
    """Note the event days that these ingest days had and no longer have: they have changed too."""
    of_the_days = "source = %s and table_name = %s and ingest_date = any(%s::date[])"
    parameters = (source, table, days)
    with db.cursor() as cursor:
        cursor.execute(
            f"""delete from raw.delivered_days where load_id is null and {of_the_days}
            returning ingest_date, event_date""",
            parameters,
        )
        had = {*cursor.fetchall(), *changed}
        cursor.execute(
            f"select distinct ingest_date, event_date from raw.delivered_days where {of_the_days}",
            parameters,
        )
        left = had - {*cursor.fetchall()}
        execute_values(
            cursor,
            """insert into raw.delivered_days
            (source, table_name, ingest_date, event_date, rows) values %s""",
            sorted((source, table, day, event_date, 0) for day, event_date in left if event_date),
        )


def mark_changed(db: Connection, days: Iterable[tuple[str, date]]) -> None:
    """Give days a new version: (kind, day), see `raw.day_versions`; event days in their order."""
    with db.cursor() as cursor:
        execute_values(
            cursor,
            """insert into raw.day_versions (kind, day) values %s on conflict (kind, day)
            do update set version = day_versions.version + 1, changed_at = clock_timestamp()""",
            days,
            page_size=10_000,
        )
