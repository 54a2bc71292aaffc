"""A fact table in two databases: on the left as the project has it, on the right as a loader of
somebody else's writes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from core.warehouse.connection import Warehouse
from reporting.settings import TableAt

DAYS, ROWS = 8, 600  # from 2026-03-01; a day has one row a user and id, at even distances
COLUMNS = """
    event_id text not null, user_id text not null, event_type text not null,
    event_ts timestamptz not null, event_date date not null, region text, user_tier text not null,
    name text, amount numeric(12, 4), price double precision, is_paid boolean, quantity integer,
    session_id uuid, properties jsonb, ingest_date date not null, loaded_at timestamptz not null"""
# Every 50th event is a day late. The tier of every second user is another one from the 5th day on.
FILL = f"""
    insert into {{}}
    select 'e' || number * 6000 + i, 'u' || i % 60, (array['view', 'click', 'buy'])[i % 3 + 1],
        day + i * interval '144.123456 seconds', day::date,
        (array['eu', 'us', 'apac'])[i / 7 % 3 + 1],
        case when i % 2 = 0 and number >= 4 then 'pro' else 'free' end,
        (array[' Zoë ', 'Ann Lee', 'BOB', '', null, 'x'])[i % 6 + 1] || case when i % 6 < 3
            then ' no. ' || i else '' end,
        i * 1.2345, i / 7.0::double precision, i % 2 = 0, i, md5(i::text)::uuid,
        jsonb_build_object('page', '/p/' || i % 9, 'n', i), day::date + (i % 50 = 0)::int, now()
    from generate_series(0, {DAYS - 1}) as number,
        generate_series(0, {ROWS - 1}) as i,
        lateral (select timestamptz '2026-03-01 00:00+00' + number * interval '1 day') as d (day)"""


@dataclass(frozen=True)
class TwoTables:
    """A table of each side, and the comparison of them."""

    left: Warehouse
    right: Warehouse

    def run(self, warehouse: Warehouse, *statements: str) -> None:
        with closing(warehouse.connect()) as db, db.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def change(self, *statements: str) -> None:
        """On the right side."""
        self.run(self.right, *statements)


# Runs the command with settings; its exit status, and what it prints as JSON.
Compared = Callable[..., tuple[int, dict[str, Any]]]


def fill(tables: TwoTables) -> None:
    """Partitioned and keyed on the left; on the right neither."""
    partitions = [
        f"create table p{n} partition of fact_events for values from (date '2026-03-01' + {n}) "
        f"to (date '2026-03-02' + {n})"
        for n in range(DAYS)
    ]
    tables.run(
        tables.left,
        f"create table fact_events ({COLUMNS}) partition by range (event_date)",
        *partitions,
        "create unique index on fact_events (event_date, user_id, event_id)",
        FILL.format("fact_events"),
    )
    tables.change(f"create table loaded ({COLUMNS})", FILL.format("loaded"))


def dsn(warehouse: Warehouse) -> str:
    password = warehouse.password.replace("\\", "\\\\").replace("'", "\\'")
    return (
        f"host='{warehouse.host}' port={warehouse.port} user={warehouse.user} "
        f"dbname={warehouse.database} password='{password}'"
    )


def addresses(tables: TwoTables) -> tuple[TableAt, TableAt]:
    return (
        TableAt("public.fact_events", dsn(tables.left)),
        TableAt("public.loaded", dsn(tables.right)),
    )


def reasons(found: dict[str, Any]) -> set[tuple[str, str, str, int, int]]:
    """Code, side, column, rows and number of days."""
    return {
        (each["code"], each["side"], each["column"], each["rows"], len(each["days"]))
        for each in found["reasons"]
    }
