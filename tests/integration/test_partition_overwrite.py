"""The partition_overwrite strategy: atomic for readers, safe in company, nothing left behind."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

from ingestion.mapping.mapping import SHIPPED
from tests.helpers.pipeline import (
    FACTS,
    build,
    deliver,
    event,
    full_refresh,
    in_thread,
    ingest_files,
    query,
)
from tests.helpers.processes import start
from tests.helpers.waiting import LONG, wait_until
from transform.project import LOCATION

CANONICAL = SHIPPED / "canonical.toml"
DAYS = [f"2026-01-{n:02d}" for n in range(1, 11)]
PARTITIONS = """
    select pg_get_expr(relpartbound, inhrelid), inhrelid::regclass::text
    from pg_inherits inner join pg_class on pg_class.oid = inhrelid
    where inhparent = 'analytics.fact_events'::regclass order by 1
"""


def fill(warehouse, tmp_path):
    for day in DAYS:
        deliver(tmp_path, day, [event(f"{day}-{n}", f"{day}T12:00:00Z") for n in range(200)])
    ingest_files(warehouse, tmp_path, DAYS[0], DAYS[-1])
    build()


NO_ANALYST = "reassign owned by analyst to postgres; drop owned by analyst; drop role analyst"


def test_a_rebuilt_day_is_one_new_partition_like_the_others(built, tmp_path):
    query(
        built,
        """create role analyst; grant select on analytics.fact_events to analyst;
        grant usage on schema analytics to analyst;
        comment on column analytics.fact_events.region is 'where'; select 1""",
    )
    before = dict(query(built, PARTITIONS))
    build(DAYS[3], DAYS[3])
    after = dict(query(built, PARTITIONS))

    bound = f"FOR VALUES FROM ('{DAYS[3]}') TO ('2026-01-05')"
    assert {name for name in after if after[name] != before[name]} == {bound}
    new = after[bound]
    columns = """select attname, atttypid, attnotnull from pg_attribute
        where attrelid = %s::regclass and attnum > 0 order by 1"""
    assert query(built, columns, new) == query(built, columns, "analytics.fact_events")
    shapes = [
        query(
            built,
            "select indisunique, indkey::text from pg_index where indrelid = %s::regclass",
            table,
        )
        for table in (new, before[f"FOR VALUES FROM ('{DAYS[0]}') TO ('{DAYS[1]}')"])
    ]
    assert shapes[0] == shapes[1] != []
    assert query(
        built, "select count(*) from pg_constraint where conname like 'partition_ov%%'"
    ) == [(0,)]
    assert query(
        built, "select has_table_privilege('analyst', 'analytics.fact_events', 'select')"
    ) == [(True,)]
    assert query(
        built, "select count(*) from pg_class where relname like 'fact_events\\_\\_%%'"
    ) == [(0,)], "nothing is left of the table beside"
    dead = """select sum(n_dead_tup), sum(n_tup_del) from pg_stat_user_tables
        where relname like 'fact_events%%'"""
    assert query(built, dead) == [(0, 0)]
    query(built, f"{NO_ANALYST}; select 1")


def test_one_day_reads_one_partition_and_its_part_of_raw(warehouse, tmp_path):
    """The query that fills a day's partition reads that day's block ranges of raw, no more."""
    for day in DAYS:
        deliver(tmp_path, day, [event(f"{day}-{n}", f"{day}T12:00:00Z") for n in range(5_000)])
    ingest_files(warehouse, tmp_path, DAYS[0], DAYS[-1])
    build()
    day = f"event_date between date '{DAYS[3]}' and date '{DAYS[3]}'"
    [[plan]] = query(
        warehouse,
        "explain (analyze, format json) "
        f"select * from intermediate.int_events_enriched where {day}",
    )
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "events"]
    # Deletions have an index of their own, which is empty.
    [scan] = [node for node in scans if node.get("Index Name") != "events_deletions"]
    [[pages]] = query(warehouse, "select pg_relation_size('raw.events') / 8192")
    assert scan["Node Type"] == "Bitmap Heap Scan"
    blocks = scan["Exact Heap Blocks"] + scan["Lossy Heap Blocks"]
    assert blocks <= 2 * pages / len(DAYS) + 128, "BRIN counts in ranges of 128 pages"

    [[plan]] = query(
        warehouse, f"explain (format json) select * from analytics.fact_events where {day}"
    )
    [table] = {node["Relation Name"] for node in nodes(plan[0]["Plan"]) if "Relation Name" in node}
    assert table.startswith("fact_events_20260104")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


LIVE_OR_NOT = """
    update raw.loads set completed_at = case when %s then now() end where load_id = %s;
    update raw.day_versions set version = version + 1; select 1
"""


def test_a_reader_sees_the_old_day_or_the_new_one(built, tmp_path):
    """50 swaps under readers in a loop: five runs on ten days that have 200 rows and 300 in turn.

    No reader waits a second for a lock: Postgres would cancel it. (Seconds of wall time would
    measure how busy the machine is.)
    """
    mobile = tmp_path / "mobile.toml"
    mobile.write_text(CANONICAL.read_text())
    for day in DAYS:
        more = [event(f"more-{n}", f"{day}T12:00:00Z") for n in range(100)]
        deliver(tmp_path / "more", day, more)
    more = ingest_files(built, tmp_path / "more", DAYS[0], DAYS[-1], mapping=str(mobile))
    build()
    seen, stop = Counter(), threading.Event()

    def read() -> None:
        with closing(built.connect()) as db, db.cursor() as cursor:
            cursor.execute("set lock_timeout = '1s'")
            while not stop.wait(0.001):
                cursor.execute("select count(*) from analytics.fact_events group by event_date")
                counts = [count for (count,) in cursor.fetchall()]
                seen[len(counts), *sorted(set(counts))] += 1

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for run in range(5):
                query(built, LIVE_OR_NOT, run % 2 == 1, more.load_id)
                in_thread(dbt_run, "fact_events")
        finally:
            stop.set()
        assert [reader.result() for reader in readers] == [None, None]
    assert set(seen) == {(10, 200), (10, 300)}, "ten days, and all of them of one run"
    assert seen.total() > 100


def dbt_run(model: str) -> None:
    assert dbtRunner().invoke(["run", "--select", model, "--quiet", *LOCATION]).success


def test_a_long_reader_delays_the_swap_and_fails_nothing(built):
    with (
        ThreadPoolExecutor(1) as pool,
        closing(built.connect()) as db,
        db.cursor() as cursor,
    ):
        cursor.execute("begin; select count(*) from analytics.fact_events")
        rebuilt = pool.submit(build, DAYS[2])
        waiting = """select from pg_locks
            where relation = 'analytics.fact_events'::regclass and not granted"""
        wait_until(lambda: rebuilt.done() or query(built, waiting))
        assert not rebuilt.done()
        started = time.monotonic()
        assert query(built, "select count(*) from analytics.fact_events") == [(2000,)]
        assert time.monotonic() - started < 5.0, "new readers do not queue behind the swap"
        cursor.execute("commit")
        assert "tests passed" in rebuilt.result(LONG)


def test_who_reads_another_day_s_partition_does_not_hold_up_the_swap(built):
    partition_of = """select min(tableoid::regclass::text)
        from analytics.fact_events where event_date = %s"""
    [(partition,)] = query(built, partition_of, DAYS[5])
    with (
        ThreadPoolExecutor(1) as pool,
        closing(built.connect()) as db,
        db.cursor() as cursor,
    ):
        cursor.execute(f"begin; select count(*) from {partition}")
        assert "tests passed" in pool.submit(build, DAYS[2]).result(LONG)
        assert cursor.fetchone() == (200,)
        cursor.execute("commit")


@pytest.mark.parametrize("runs", [2, *(pytest.param(n, marks=pytest.mark.full) for n in (3, 8))])
def test_runs_on_overlapping_ranges_end_in_the_same_rows(built, runs):
    expected = query(built, FACTS)
    ranges = [(DAYS[n], DAYS[n + 2]) for n in range(runs)]
    processes = [start("transform", FROM=first, TO=last) for first, last in ranges]
    ended = [process.finish() for process in processes]
    assert [done.stderr for done in ended if done.returncode] == []
    assert query(built, FACTS) == expected
    assert len(query(built, PARTITIONS)) == len(DAYS)


@pytest.mark.parametrize("runs", [2, pytest.param(3, marks=pytest.mark.full)])
def test_first_builds_at_once(warehouse, tmp_path, runs):
    deliver(tmp_path, DAYS[0], [event("a", f"{DAYS[0]}T12:00:00Z")])
    ingest_files(warehouse, tmp_path, DAYS[0])
    processes = [start("transform", FROM=DAYS[0], TO=DAYS[0]) for _ in range(runs)]
    ended = [process.finish() for process in processes]
    assert [done.stderr for done in ended if done.returncode] == []
    assert query(warehouse, "select event_id from analytics.fact_events") == [("a",)]


def test_a_full_refresh_ends_in_the_same_rows(built):
    expected = query(built, FACTS)
    full_refresh()
    assert query(built, FACTS) == expected
    build(DAYS[0], DAYS[1])
    assert query(built, FACTS) == expected
