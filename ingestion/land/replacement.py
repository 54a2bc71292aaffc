"""Replayed records in the landing table: each takes its own place, and nothing else moves."""

from __future__ import annotations

from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.warehouse.locks import exclusively
from ingestion.land.deletions import deleted_days
from ingestion.land.forgotten import Forgotten
from ingestion.land.ledger import mark_changed
from ingestion.land.spool import Counts

# The load, ingest day and number of a unit, and its number in the replay.
Units = dict[tuple[str, date, int], int]
REJECTED = "reject_reason <> 'deletion' and (%(reason)s = '' or reject_reason = %(reason)s)"
# The units whose records are read, beside their numbers in the load of the replay.
_UNITS = """unnest(%(loads)s::text[], %(days)s::date[], %(numbers)s::int[], %(new_numbers)s::int[])
    as u (load_id, day, no, new_no)"""
_OF_UNITS = """e._dlt_load_id = u.load_id and e.ingest_date = u.day and e._unit = u.no
    and e.ingest_date between %(first)s and %(last)s"""
_FROM_NEW = "e._dlt_load_id = %(new)s and e.ingest_date between %(first)s and %(last)s"


def complete_replay(
    db: Connection,
    load_id: str,
    selected: dict[str, str],
    landed: dict[str, tuple[Units, Counts]],
    known: Forgotten,
) -> None:
    """The new rows take the old ones' place, load and unit, in one transaction.

    Args:
        db: the connection that began the replay.
        load_id: of the new rows.
        selected: the source, and the reason or "".
        landed: by table, the units whose records were read, and what that made.
        known: the forgotten users whose rows were left out.

    Raises:
        UserError: the records are not those that were read, or somebody was forgotten meanwhile;
            nothing has changed then.
    """
    with exclusively(db), db.cursor() as cursor:
        known.require_unchanged(db)
        for table, (units, counts) in landed.items():
            _replace(db, table, selected | _parameters(units, load_id, table), counts)
        cursor.execute(
            "update raw.loads set completed_at = clock_timestamp() where load_id = %s", (load_id,)
        )


def _replace(db: Connection, table: str, parameters: dict[str, Any], counts: Counts) -> None:
    """One table's part of it."""
    with db.cursor() as cursor:
        cursor.execute(
            f"""select count(*) from raw.units inner join {_UNITS}
            on units.load_id = u.load_id and ingest_date = u.day and unit_no = u.no
            where live and table_name = %(table)s""",
            parameters,
        )
        is_unchanged = cursor.fetchone() == (len(parameters["loads"]),)
    touched, moved = _take_their_place(db, table, parameters)
    if not is_unchanged or moved != (counts.total + counts.forgotten.total(), counts.total):
        raise UserError(
            f"MAPPING={parameters['source']!r}: its quarantined records have changed "
            "meanwhile, run it again"
        )
    _note_delivered_days(db, table, parameters)
    _note_forgotten(db, parameters, counts)
    delivered_on = "ingest_date" if table == "events" else "profile_date"
    changed = [(delivered_on, day) for day in sorted({*parameters["days"]})]
    mark_changed(db, changed + [("event_date", day) for day in sorted(touched)])


def _take_their_place(
    db: Connection, table: str, parameters: dict[str, Any]
) -> tuple[set[date], tuple[int, int]]:
    """The new rows in place of the old ones, as theirs. Returns the days of events that are new, or
    deleted now, and how many rows went and came."""
    touched: set[date] = set()
    with db.cursor() as cursor:
        cursor.execute(
            f"delete from raw.{table} as e using {_UNITS} where {_OF_UNITS} and {REJECTED}",
            parameters,
        )
        gone = cursor.rowcount
        if table == "events":
            cursor.execute(
                f"""select distinct event_date from raw.events as e
                where {_FROM_NEW} and reject_reason is null""",
                parameters,
            )
            touched = {row[0] for row in cursor.fetchall()}
            of_new = "r._dlt_load_id = %(new)s"
            touched |= {day for _, day in deleted_days(db, of_new, parameters) if day}
        cursor.execute(
            f"""update raw.{table} as e set _dlt_load_id = u.load_id, _unit = u.no from {_UNITS}
            where {_FROM_NEW} and e._unit = u.new_no""",
            parameters,
        )
        return touched, (gone, cursor.rowcount)


def _note_forgotten(db: Connection, parameters: dict[str, Any], counts: Counts) -> None:
    """What was left out is of forgotten users, no longer rows of its unit."""
    forgotten = [counts.forgotten[number] for number in parameters["new_numbers"]]
    with db.cursor() as cursor:
        cursor.execute(
            f"""update raw.units set rows = units.rows - f.rows, forgotten = forgotten + f.rows
            from {_UNITS}, unnest(%(new_numbers)s::int[], %(forgotten)s::bigint[]) as f (no, rows)
            where f.no = u.new_no and f.rows > 0 and units.table_name = %(table)s
                and units.load_id = u.load_id and ingest_date = u.day and unit_no = u.no""",
            parameters | {"forgotten": forgotten},
        )


def _note_delivered_days(db: Connection, table: str, parameters: dict[str, Any]) -> None:
    """What the units hold is counted anew."""
    held = "e.event_date, e.region" if table == "events" else "null::date, null"
    with db.cursor() as cursor:
        cursor.execute(
            f"""delete from raw.delivered_days as d using {_UNITS}
            where d.table_name = %(table)s and d.load_id = u.load_id and d.ingest_date = u.day
                and d.unit_no = u.no""",
            parameters,
        )
        cursor.execute(
            f"""insert into raw.delivered_days
                (source, table_name, ingest_date, event_date, region, rows, load_id, unit_no)
            select e.source, %(table)s, e.ingest_date, {held}, count(*), e._dlt_load_id, e._unit
            from raw.{table} as e inner join {_UNITS} on {_OF_UNITS}
            group by 1, 2, 3, 4, 5, 7, 8""",
            parameters,
        )


def _parameters(units: Units, load_id: str, table: str) -> dict[str, Any]:
    loads, days, numbers = zip(*units, strict=True)
    return {
        "table": table,
        "new": load_id,
        "loads": list(loads),
        "days": list(days),
        "numbers": list(numbers),
        "new_numbers": list(units.values()),
        "first": min(days),
        "last": max(days),
    }
