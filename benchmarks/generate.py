"""Deliveries to measure with: `python -m benchmarks.generate FOLDER DAYS ROWS`.

A JSON-lines file of events and one of profiles a day, as DuckDB writes them: about a million rows a
second. The same arguments make the same bytes on every machine.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from core.days import DayRange

START = date(2026, 1, 1)


@dataclass(frozen=True)
class Product:
    """What is generated.

    `rows` a day, of which 5 % repeat the row before them, 1 % happened one to three days earlier,
    and `malformed` (a share) are cut off. `users` have a profile from the first day on; one in a
    hundred changes a day. With `snapshots`, a day delivers all profiles, not only the changed.
    """

    rows: int
    users: int = 10_000
    malformed: float = 0.0
    snapshots: bool = False
    seed: int = 7


def generate(folder: Path, days: DayRange, product: Product) -> None:
    """Write `folder/events/%Y-%m-%d.jsonl` and `folder/profiles/%Y-%m-%d.jsonl` for the days."""
    for name in ("events", "profiles"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        db.execute("set timezone = 'UTC'")
        for day in days:
            for name, query in (("events", _events(day, product)), ("profiles", "")):
                query = query or _profiles(day, days.start, product)
                path = folder / name / f"{day}.jsonl"
                db.execute(f"copy ({query}) to '{path}' ({_LINES})")


# One column of text without quotes: what `line` says is what the file has.
_LINES = "format csv, header false, delimiter '\x1f', quote '', escape ''"


def _hash(what: str, *keys: str) -> str:
    """A random-looking bigint of the row, the same everywhere."""
    return f"(hash(concat_ws('|', '{what}', {', '.join(keys)})) >> 1)::bigint"


def _user(number: str) -> str:
    """The id of a user, as 16 hexadecimal digits."""
    return f"lpad(hex(hash('user', {number})), 16, '0').lower()"


def _events(day: date, product: Product) -> str:
    key = (f"'{product.seed}'", f"'{day}'", "n")
    cut = int(product.malformed * 1_000_000)
    return f"""
        with numbered as (
            select case when i % 20 = 19 then i - 1 else i end as n from range({product.rows}) r(i)
        ),
        drawn as (
            select n, {_hash("user", *key)} as u, {_hash("time", *key)} as t,
                {_hash("kind", *key)} as k, {_hash("late", *key)} as l
            from numbered
        ),
        told as (
            select l, to_json({{
                event_id: md5(concat_ws('|', {", ".join(key)}))::uuid,
                user_id: {_user(f"u % {product.users} * (u % 97) // 97")},
                event_type: ['page_view', 'page_view', 'search', 'product_view', 'add_to_cart',
                    'purchase'][1 + k % 6],
                event_ts: strftime(timestamp '{day}' + to_microseconds(t % 86400000000)
                    - to_days(case when l % 100 = 0 then 1 + (l // 100 % 3)::int else 0 end),
                    '%Y-%m-%dT%H:%M:%S.%fZ'),
                region: ['us-east', 'eu-west', 'ap-south'][1 + u % 3],
                properties: {{ device: ['mobile', 'desktop'][1 + k % 2], path: '/p/' || t % 400,
                    amount: (t % 10000) / 100.0 }}
            }})::varchar as line
            from drawn
        )
        select case when l // 100 % 1000000 < {cut} then line[:40] else line end from told"""


def _profiles(day: date, first_day: date, product: Product) -> str:
    everybody = "true" if product.snapshots or day == first_day else "false"
    # How often a user has changed by now: once in a hundred days, on a day of their own.
    changes = f"(date '{day}' - date '2000-01-01' + {_hash('profile', 'i')} % 100) // 100"
    return f"""
        select to_json({{
            user_id: {_user("i")},
            tier: ['free', 'pro', 'enterprise'][1 + (i + changes) % 3],
            region: ['us-east', 'eu-west', 'ap-south'][1 + i % 3],
            updated_at: strftime(date '2000-01-01' + (100 * changes)::int
                - ({_hash("profile", "i")} % 100)::int, '%Y-%m-%dT00:00:00Z')
        }})::varchar as line
        from (select i, {changes} as changes, {changes.replace(str(day), str(day - timedelta(1)))}
            as before from range({product.users}) r(i))
        where {everybody} or changes <> before
        order by i"""


if __name__ == "__main__":
    folder, count, rows = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    started = time.perf_counter()
    generate(folder, DayRange(START, START + timedelta(days=count)), Product(rows))
    seconds = time.perf_counter() - started
    print(f"{count * rows:,} events in {seconds:.1f} s: {count * rows / seconds:,.0f} a second")
