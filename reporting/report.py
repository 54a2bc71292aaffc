"""The events report: events per day, where every received record went, why some were rejected."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg2.errors
from psycopg2.extensions import connection as Connection
from rich.console import Console
from rich.table import Table

from core.errors import UserError
from core.warehouse.connection import Warehouse

DAYS = 14  # newest days shown; totals are of all days
BAR_WIDTH = 24

EVENTS_BY_DAY = """
    select facts.event_date, count(*), count(distinct facts.user_id),
        count(*) filter (where facts.ingest_date > facts.event_date)
    from analytics.fact_events as facts
    where facts.event_date > (
        select min(event_date) - 1 from (
            select distinct event_date from analytics.regional_daily_events
            order by 1 desc limit %(days)s
        ) as newest
    )
    group by 1 order by 1
"""
ACCOUNTS = {
    "Where every received record went": """
        select ingest_date::text, is_complete, received, fact, duplicate, quarantined, retracted,
            forgotten
        from analytics.row_accounting order by ingest_date
    """,
    "Where every received profile went": """
        select ingest_date::text, is_complete, received, version, repeat, quarantined, forgotten
        from analytics.profile_accounting order by ingest_date
    """,
}
SELDOM = ("retracted", "forgotten")  # not shown where there are none
REASONS = {
    "Quarantined, by reason": """
        select reason, sum(records)::bigint from intermediate.int_quarantine_day_counts
        group by 1 order by 2 desc, 1
    """,
    "Quarantined profiles, by reason": """
        select reason, sum(records)::bigint from intermediate.int_profile_day_counts
        where reason is not null group by 1 order by 2 desc, 1
    """,
}
# The newest first.
NOT_RIGHT = """
    select event_date::text, case
        when built_at is null then 'not built yet'
        when not is_up_to_date then 'older than what has landed'
        when tests_passed is false then 'a test failed'
        when tests_passed is null then 'owes a test'
        else 'built by an older model'
    end,
    case
        when not is_up_to_date or tests_passed is false then 'make transform'
        when tests_passed is null then 'make test-data'
        else 'make rebuild'
    end
    from analytics.event_days
    where built_at is null or not is_up_to_date or tests_passed is not true
        or is_on_current_model is false
    order by event_date desc
"""
# What the latest load of each source had otherwise than the one before it.
DRIFT = """
    with numbered as (
        select load_id, source, first_day, last_day, dense_rank() over (
            partition by source order by completed_at desc
        ) as age
        from raw.loads as loads
        where completed_at is not null
            and exists (select from raw.load_fields as f where f.load_id = loads.load_id)
    ),
    fields as (
        select n.source, n.age, f.table_name, f.field,
            string_agg(f.type, '/' order by f.type) filter (where f.type != 'null') as types,
            sum(f.records) >= 0.1 * max(f.sampled) as is_common
        from numbered as n inner join raw.load_fields as f using (load_id)
        where n.age <= 2 group by 1, 2, 3, 4
    )
    select source, table_name, field, old.types, new.types
    from (select * from fields where age = 1) as new
    full outer join (select * from fields where age = 2) as old
        using (source, table_name, field)
    where source in (select source from fields where age = 2)
        and (
            (old.field is null and new.is_common) or (new.field is null and old.is_common)
            or old.types != new.types
        )
    order by 1, 2, 3
"""


def print_report(warehouse: Warehouse, console: Console | None = None) -> None:
    """Print the report.

    Raises:
        UserError: nothing has been built yet, or the warehouse cannot be reached.
    """
    console = console or Console()
    with closing(warehouse.connect()) as db:
        try:
            _events(db, console)
            for title, accounting in ACCOUNTS.items():
                _accounting(db, console, title, accounting)
            for title, reasons in REASONS.items():
                _reasons(db, console, title, reasons)
            _not_right(db, console)
            _drift(db, console)
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName) as error:
            raise UserError(
                f"PGDATABASE={warehouse.database} has no fact table yet: run make transform"
            ) from error
        except psycopg2.errors.UndefinedColumn as error:
            raise UserError(
                f"PGDATABASE={warehouse.database} was built by an earlier version: "
                "run make transform"
            ) from error


def _events(db: Connection, console: Console) -> None:
    rows = _query(db, EVENTS_BY_DAY)
    table = Table(title="analytics.fact_events by day", title_justify="left")
    for name in ("event_date", "events", "users", "late"):
        table.add_column(name, justify="left" if name == "event_date" else "right")
    table.add_column("")
    most = max((row[1] for row in rows), default=1)
    for day, events, users, late in rows:
        bar = "█" * max(1, round(BAR_WIDTH * events / most))
        table.add_row(str(day), f"{events:,}", f"{users:,}", f"{late:,}", bar)
    console.print(table)


def _accounting(db: Connection, console: Console, title: str, sql: str) -> None:
    with db.cursor() as cursor:
        cursor.execute(sql)
        days = cursor.fetchall()
        received, *parts = (column.name for column in (cursor.description or ())[2:])
    if not days:
        return
    while parts[-1] in SELDOM and not any(day[-1] for day in days):
        parts, days = parts[:-1], [day[:-1] for day in days]
    table = Table(title=title, title_justify="left")
    table.add_column("ingest_date")
    for name in (received, f"= {parts[0]}", *(f"+ {part}" for part in parts[1:])):
        table.add_column(name, justify="right")
    names, are_complete, *numbers = zip(*days, strict=True)
    total = (f"all {len(names)} days", all(are_complete), *map(sum, numbers))
    for name, is_complete, *counts in [*days[-DAYS:], total]:
        if name == total[0]:
            table.add_section()
        note = "" if is_complete else " (not built yet)"
        table.add_row(name + note, *(f"{number:,}" for number in counts))
    console.print(table)


def _reasons(db: Connection, console: Console, title: str, sql: str) -> None:
    rows = _query(db, sql)
    if not rows:
        return
    table = Table(title=title, title_justify="left")
    table.add_column("reason")
    table.add_column("records", justify="right")
    for reason, records in rows:
        table.add_row(reason, f"{records:,}")
    console.print(table)


def _not_right(db: Connection, console: Console) -> None:
    rows = _query(db, NOT_RIGHT)
    if not rows:
        return
    table = Table(title="Days that are not right", title_justify="left")
    for name in ("event_date", "why", "what mends it"):
        table.add_column(name)
    for row in rows[:DAYS]:
        table.add_row(*row)
    if len(rows) > DAYS:
        table.add_section()
        table.add_row(f"all {len(rows)} days")
    console.print(table)


def _drift(db: Connection, console: Console) -> None:
    rows = _query(db, DRIFT)
    if not rows:
        return
    table = Table(title="Fields: latest load against the one before", title_justify="left")
    for name in ("source", "table", "field", "was", "is"):
        table.add_column(name)
    for source, name, field, was, now in rows:
        table.add_row(source, name, field, was or "-", now or "-")
    console.print(table)


def _query(db: Connection, sql: str) -> list[tuple[Any, ...]]:
    with db.cursor() as cursor:
        cursor.execute(sql, {"days": DAYS})
        return list(cursor.fetchall())
