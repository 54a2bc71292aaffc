"""Taking records out of raw, by a condition; what is older than a day.

Rows leave the landing tables and the ledger in one transaction, and the days they touched get a new
version: the next build takes them out of everything else.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

from psycopg2.extensions import connection as Connection

from core.warehouse.locks import exclusively
from ingestion.mapping.reasons import DELETION

_REJECTED_BEFORE = "reject_reason is not null and ingest_date < %(before)s"
# A deletion stays as long as its event: without it that would be back.
_BEFORE = f"""coalesce(event_date, ingest_date) < %(before)s and (
    reject_reason is distinct from '{DELETION}' or not exists (
        select from raw.events as kept where kept.user_id = events.user_id
            and kept.event_id = events.event_id and kept.event_date >= %(before)s
    )
)"""

# What a killed load left behind was never on the ledger.
_IS_LIVE = "_dlt_load_id in (select load_id from raw.loads where completed_at is not null)"
_DELETE_EVENTS = f"""with deleted as (
        delete from raw.events where CONDITION
        returning {_IS_LIVE} as is_live, _dlt_load_id, ingest_date, _unit, event_date, region
    )
    insert into gone
    select 'events', is_live, _dlt_load_id, ingest_date, _unit, event_date, region, count(*)
    from deleted group by is_live, _dlt_load_id, ingest_date, _unit, event_date, region"""
_DELETE_PROFILES = f"""with deleted as (
        delete from raw.user_profiles where CONDITION
        returning {_IS_LIVE} as is_live, _dlt_load_id, ingest_date, _unit, user_id
    ),
    retracted as (
        insert into raw.retracted_profiles (ingest_date, user_id)
        select distinct ingest_date, user_id from deleted where user_id is not null
    )
    insert into gone
    select 'user_profiles', is_live, _dlt_load_id, ingest_date, _unit, null, null, count(*)
    from deleted group by is_live, _dlt_load_id, ingest_date, _unit"""
_OFF_THE_LEDGER = (
    """update raw.delivered_days as d set rows = d.rows - gone.rows
    from gone
    where gone.is_live and d.table_name = gone.table_name and d.load_id = gone.load_id
        and d.ingest_date = gone.ingest_date and d.unit_no = gone.unit_no
        and d.event_date is not distinct from gone.event_date
        and d.region is not distinct from gone.region""",
    """update raw.units as u set rows = u.rows - gone.rows
    from (
        select table_name, load_id, ingest_date, unit_no, sum(rows) as rows from gone
        where is_live group by table_name, load_id, ingest_date, unit_no
    ) as gone
    where u.live and u.table_name = gone.table_name and u.load_id = gone.load_id
        and u.ingest_date = gone.ingest_date and u.unit_no = gone.unit_no""",
    """update raw.day_versions set version = version + 1, changed_at = clock_timestamp()
    where (kind, day) in (
        select case table_name when 'events' then 'ingest_date' else 'profile_date' end, ingest_date
        from gone where is_live
        union all select 'event_date', event_date from gone where is_live
    )""",
)


_PRUNED = {"events": _BEFORE, "user_profiles": _REJECTED_BEFORE}


def count_events(db: Connection, before: date) -> dict[str, int]:
    """How many rows `prune_events` would delete, by table."""
    with db.cursor() as cursor:
        found = {}
        for table, condition in _PRUNED.items():
            query = f"select count(*) from raw.{table} where {condition}"
            cursor.execute(query, {"before": before})
            [(found[f"raw.{table}"],)] = cursor.fetchall()
        return found


def prune_events(db: Connection, before: date) -> dict[str, int]:
    """Delete the events that happened before a UTC day, and what the ledger says of those days.

    Profiles stay, but for the rejected ones: what a user was then is what they are until the next
    profile.

    Args:
        db: an autocommit connection to the warehouse.
        before: the first day that is kept.

    Returns:
        By table, the rows deleted; also those of loads that never completed.
    """
    with exclusively(db), db.cursor() as cursor:
        deleted = delete_rows(db, _PRUNED, {"before": before})
        for statement in (
            # What lost rows is read again when it is asked for.
            """update raw.units as u set fingerprint = null, content = null from gone
            where u.table_name = gone.table_name and u.load_id = gone.load_id
                and u.ingest_date = gone.ingest_date and u.unit_no = gone.unit_no""",
            """delete from raw.units
            where (rows = 0 or not live) and ingest_date < %(before)s""",
            """delete from raw.delivered_days
            where rows = 0 and coalesce(event_date, ingest_date) < %(before)s""",
            # Loads that later ones replaced, of which nothing is left.
            """delete from raw.loads where completed_at < %(before)s
            and load_id not in (select load_id from raw.units)""",
            "delete from raw.day_versions where kind = 'event_date' and day < %(before)s",
        ):
            cursor.execute(statement, {"before": before})
        cursor.execute("select to_regclass('raw._dlt_loads') is not null")
        if cursor.fetchone() == (True,):
            cursor.execute(
                """delete from raw._dlt_loads where schema_name = 'fact_events'
                and load_id not in (select load_id from raw.loads)"""
            )
        return deleted


def delete_rows(
    db: Connection, conditions: dict[str, str], values: dict[str, date]
) -> dict[str, int]:
    """Delete rows of landing tables; take them off the ledger.

    Args:
        db: a connection in a transaction that excludes others.
        conditions: by table, in SQL.
        values: the parameters of those.

    Returns:
        By table, the rows deleted; also those of loads that never completed.
    """
    with db.cursor() as cursor:
        cursor.execute(
            """create temporary table gone (
                table_name text, is_live boolean, load_id text, ingest_date date, unit_no int,
                event_date date, region text, rows bigint
            ) on commit drop"""
        )
        for table, condition in conditions.items():
            statement = _DELETE_EVENTS if table == "events" else _DELETE_PROFILES
            cursor.execute(statement.replace("CONDITION", condition), values)
        for statement in _OFF_THE_LEDGER:
            cursor.execute(statement)
        cursor.execute("select table_name, sum(rows)::bigint from gone group by 1")
        deleted = Counter(dict(cursor.fetchall()))
    return {f"raw.{table}": deleted[table] for table in conditions}
