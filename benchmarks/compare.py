"""Two tables of 30 days: `[RELADIFF=/path/to/reladiff] python -m benchmarks.compare [ROWS]`.

Ours is `make compare` as a command, with the day, all columns and a numeric key. The floor counts
both tables by day, at once. Where RELADIFF names its program, reladiff compares the same columns of
the same tables, whose primary key is one number in the order of time: as it likes them best.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from benchmarks.measure import Report, execute, new_database, own_server
from benchmarks.process import run
from benchmarks.settings import BenchmarkSettings
from core.progress import Progress
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from reporting.compare.comparison import compare
from reporting.compare.side import open_pair
from reporting.settings import CompareSettings, TableAt

DAYS = 30
TABLES = ("one", "other")
COLUMNS = (
    "event_id, user_id, event_type, event_ts, event_date, region, user_tier, amount, properties"
).split(", ")
SHAPE = """create table {} (
    id bigint primary key, event_id text not null, user_id text not null, event_type text not null,
    event_ts timestamptz not null, event_date date not null, region text, user_tier text not null,
    amount numeric(12, 2), properties jsonb)"""
FILL = f"""insert into {{}}
    select i, md5(i::text)::uuid::text, 'u' || i * 7919 % 300007,
        (array['view', 'click', 'buy', 'login'])[i % 4 + 1], ts, ts::date,
        (array['eu', 'us', 'apac'])[i % 3 + 1], (array['free', 'pro'])[i % 2 + 1],
        i % 10000 / 100.0, jsonb_build_object('page', '/p/' || i % 1000, 'n', i % 50)
    from generate_series(0, {{}}::bigint - 1) as i,
        lateral (select timestamptz '2026-01-01 00:00+00'
            + i * interval '{DAYS} days' / {{}} as ts) as t"""
DIFFERENT = (
    "update other set region = 'nowhere' where id = 4711",
    "update other set user_tier = upper(user_tier) where event_date = '2026-01-07'",
    "delete from other where event_date = '2026-01-09' and id % 100 = 0",
)
ADDRESSES = [TableAt(f"public.{table}") for table in TABLES]


def measure(rows: int) -> Report:
    """The figures: seconds, and megabytes."""
    report = Report("compare", f"{rows:,} and {rows:,} rows of {DAYS} days, seconds")
    with own_server():
        warehouse = new_database("compare")
        for table in TABLES:
            execute(warehouse, SHAPE.format(table), FILL.format(table, rows, rows))
            execute(warehouse, f"vacuum analyze {table}")
        execute(warehouse, "checkpoint")
        report.in_turns(
            {
                "floor: both counted by day": lambda: count(warehouse),
                "ours, nothing differs, as a command": lambda: ours(report),
                **reladiff(),
            },
            warm_up=True,
        )
        execute(warehouse, *DIFFERENT, "vacuum analyze other", "checkpoint")
        report.in_turns({"ours, three days differ": differing})
    seconds, floor = "ours, nothing differs, as a command", "floor: both counted by day"
    report.limit("nothing differs, seconds", seconds, "≤ 30 s")
    report.limit("nothing differs, peak memory", "ours, megabytes", "≤ 150 MB")
    report.ratio("nothing differs ÷ floor", seconds, floor)
    report.ratio("three days differ ÷ nothing differs", "ours, three days differ", seconds, "≤ 4")
    if "reladiff, nothing differs" in report.figures:
        report.ratio("reladiff ÷ ours", "reladiff, nothing differs", seconds, "≥ 1")
    return report


def count(warehouse: Warehouse) -> None:
    """What any comparison must read."""
    with ThreadPoolExecutor(2) as pool:
        query = "select event_date, count(*) from {} group by 1"
        list(pool.map(lambda table: execute(warehouse, query.format(table)), TABLES))


def ours(report: Report) -> None:
    """As a user types it; status 0 says that nothing differs."""
    left, right = (f"public.{table}" for table in TABLES)
    cost = run(sys.executable, "-m", "reporting.compare", LEFT=left, RIGHT=right, KEY="id")
    report.add("ours, megabytes", cost.megabytes)


def differing() -> None:
    """In this process: the status of what differs is 1."""
    with open_pair(*ADDRESSES) as pair:
        found = compare(pair, CompareSettings(*ADDRESSES, key=("id",)), None, Progress())
    assert {each.code for each in found.findings} == {  # noqa: S101 - else it measures nothing
        "rows_missing",
        "values_differ",
        "other_case",
    }


def reladiff() -> dict[str, Callable[[], object]]:
    """The run of reladiff; none where there is no program of it."""
    program = read_settings(BenchmarkSettings).reladiff
    if not program:
        print("compare: RELADIFF is not set: measured without reladiff", file=sys.stderr)
        return {}
    # PGHOST has the socket.
    url, (left, right) = "postgresql://postgres@/compare", TABLES
    columns = [word for name in COLUMNS for word in ("-c", name)]
    asked = ["-a", "hashdiff", "-k", "id", *columns, "--assume-unique-key", "-j", "2", "-s"]
    return {"reladiff, nothing differs": lambda: run(program, url, left, url, right, *asked)}


if __name__ == "__main__":
    measure(int(sys.argv[1]) if sys.argv[1:] else 1_000_000).show(Console())
