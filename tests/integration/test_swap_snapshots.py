"""A swap is safe for every snapshot: nobody who reads a day ever finds it empty."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from core.warehouse.connection import Warehouse
from core.warehouse.embedded import psql_path
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import start
from tests.helpers.waiting import LONG, wait_until

pytestmark = pytest.mark.tables_built

DAYS = [f"2026-01-{n:02d}" for n in range(1, 4)]
OLD, NEW = 40, 50
COUNTS = """select event_date::text, count(*)::int from analytics.fact_events
    group by 1 order by 1"""
BESIDE = r"select 1 from pg_class where relname like 'fact\_events\_\_%%' and relkind = 'p'"
SESSION = "select pid from pg_stat_activity where application_name = 'fact-events-dbt'"
WAITS = f"{SESSION} and query like '%%select pg_sleep%%'"
UNATTACHED = r"""select oid::regclass::text from pg_class
    where relname like 'fact\_events\_%%' and relkind in ('r', 'p') and not relispartition"""


def fill(warehouse, tmp_path):
    """Three days, and their next delivery, which is not built yet."""
    for number in (OLD, NEW):
        for day in DAYS:
            rows = [event(f"{day}-{n}", f"{day}T12:00:00Z") for n in range(number)]
            deliver(tmp_path, day, rows)
        ingest_files(warehouse, tmp_path, DAYS[0], DAYS[-1])
        if number == OLD:
            build()


@pytest.fixture(autouse=True)
def _no_test_waits_for_minutes(monkeypatch):
    monkeypatch.setenv("SWAP_WAIT", "110")


def counts_of(rows: int) -> list[tuple[str, int]]:
    return [(day, rows) for day in DAYS]


@contextmanager
def reader(warehouse: Warehouse, isolation: str = "repeatable read") -> Iterator[Connection]:
    """A transaction with a snapshot, which has touched no table of ours."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(f"begin isolation level {isolation}")
        cursor.execute("select count(*) from pg_namespace")
        yield db


def asked(db: Connection, sql: str) -> list[tuple[object, ...]]:
    with db.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def end(db: Connection) -> None:
    with db.cursor() as cursor:
        cursor.execute("commit")


@contextmanager
def building(warehouse: Warehouse) -> Iterator[Future[str]]:
    """A build whose new days are there, and not in the table yet."""
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(build)
        wait_until(lambda: future.done() or query(warehouse, WAITS))
        yield future


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_snapshot_older_than_the_swap_reads_the_days_as_they_were(built, isolation):
    with reader(built, isolation) as db, building(built) as future:
        assert asked(db, COUNTS) == counts_of(OLD), "touched late, in the middle of the build"
        assert not future.done()
        end(db)
        assert "tests passed" in future.result(LONG)
    assert query(built, COUNTS) == counts_of(NEW)
    assert query(built, UNATTACHED) == []


def test_a_snapshot_between_the_fill_and_the_swap_reads_the_new_days(built):
    with reader(built) as first, building(built) as future, reader(built) as second:
        end(first)
        assert "tests passed" in future.result(LONG), "the second one is not waited for"
        assert asked(second, COUNTS) == counts_of(NEW)


def test_an_idle_transaction_without_a_snapshot_is_not_waited_for(built):
    with reader(built, "read committed") as db:
        assert "tests passed" in build()
        assert asked(db, COUNTS) == counts_of(NEW)


def test_who_waits_for_the_builds_lock_is_not_waited_for(built):
    """Another build, or `make prune`: it would wait for this one, and this one for it."""
    waits = "select from pg_locks where locktype = 'advisory' and not granted"
    with closing(built.connect()) as first, closing(built.connect()) as second:
        asked(first, "select pg_advisory_lock(1)")
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(asked, second, "select pg_advisory_lock(1)")
            wait_until(lambda: query(built, waits))
            try:
                assert "tests passed" in build()
                assert query(built, COUNTS) == counts_of(NEW)
            finally:
                asked(first, "select pg_advisory_unlock(1)")
                waiting.result(LONG)


def test_a_transaction_that_writes_for_long_holds_nobody_up(built):
    """Its number makes every later snapshot look old."""
    with reader(built, "read committed") as db:
        asked(db, "create temporary table t (); select pg_current_xact_id()")
        with reader(built) as first, building(built) as future, reader(built) as second:
            end(first)
            assert "tests passed" in future.result(LONG)
            assert asked(second, COUNTS) == counts_of(NEW)


def test_a_prepared_statement_that_waited_for_the_swap_reads_the_new_day(built):
    """EXECUTE takes its snapshot before it waits for the lock."""
    waits = """select count(*) from pg_locks
        where relation = 'analytics.fact_events'::regclass and not granted"""
    with closing(built.connect()) as prepared, closing(built.connect()) as holder:
        with prepared.cursor() as cursor:
            cursor.execute("set plan_cache_mode = force_generic_plan")
            cursor.execute(
                "prepare q as select count(*)::int from analytics.fact_events where event_date = $1"
            )
        asked(holder, f"begin; {COUNTS}")
        with ThreadPoolExecutor(2) as threads:
            future = threads.submit(build)
            wait_until(lambda: future.done() or query(built, waits) == [(1,)])
            read = threads.submit(asked, prepared, f"execute q ('{DAYS[1]}')")
            wait_until(lambda: read.done() or query(built, waits) == [(2,)])
            end(holder)
            assert read.result(LONG) in ([(OLD,)], [(NEW,)])
            assert "tests passed" in future.result(LONG)
        assert asked(prepared, f"execute q ('{DAYS[1]}')") == [(NEW,)]


def test_pg_dump_in_the_middle_has_every_day_as_it_was(built, tmp_path):
    with reader(built) as db, building(built) as future:
        [(snapshot,)] = asked(db, "select pg_export_snapshot()")
        program = Path(psql_path()).with_name("pg_dump")
        arguments = ["--data-only", f"--snapshot={snapshot}", "--table=analytics.fact_events"]
        # The days' own tables, which is where a dump finds the rows.
        arguments += ["--table-and-children=analytics.fact_events"]
        dump = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
        end(db)
        assert "tests passed" in future.result(LONG)
    for day in DAYS:
        assert len(re.findall(rf"^{day}-\d+\t", dump.stdout, re.MULTILINE)) == OLD


def test_days_that_are_not_reached_in_time_are_owed(built, monkeypatch, capsys):
    monkeypatch.setenv("SWAP_WAIT", "1")
    query(built, "create role bi superuser login; select 1")
    theirs = psycopg2.connect(host=built.host, port=built.port, dbname=built.database, user="bi")
    with closing(theirs), theirs.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read; select pg_backend_pid()")
        [(pid,)] = cursor.fetchall()
        assert "tests passed" in build()
        said = capsys.readouterr().err
        assert re.search(
            r"fact_events: 3 partitions wait .2026-01-01, 2026-01-02, 2026-01-03.: "
            rf"pid {pid} \(bi\) has a snapshot since 20[0-9: .+-]+; the next build replaces them",
            said,
        ), said
        assert query(built, COUNTS) == counts_of(OLD)
        assert query(built, UNATTACHED) == [], "nothing is left beside the table"
        up_to_date = "select is_up_to_date from analytics.event_days order by 1"
        assert query(built, up_to_date) == [(False,)] * 3
        theirs.commit()
        assert "tests passed" in build()
    assert query(built, COUNTS) == counts_of(NEW)
    assert query(built, up_to_date) == [(True,)] * 3
    query(built, "drop role bi; select 1")


def test_what_a_killed_build_leaves_goes_with_the_next_one(built):
    """And nothing of a build that lives, or of somebody else."""
    theirs = "fact_events__0123456789ab"
    query(built, f"create table analytics.{theirs} (n int) partition by range (n); select 1")
    with reader(built) as db:
        killed = start("transform")
        wait_until(lambda: query(built, WAITS), killed)
        assert killed.kill()
        wait_until(lambda: not query(built, SESSION))
        dead = set(query(built, UNATTACHED))
        with building(built) as first:
            assert dead & set(query(built, UNATTACHED)) == {(f"analytics.{theirs}",)}
            with ThreadPoolExecutor(1) as thread:
                second = thread.submit(run_another)
                wait_until(lambda: second.done() or len(query(built, BESIDE)) == 3)
                assert not first.done()
                end(db)
                assert "tests passed" in first.result(LONG)
                assert second.result(LONG) == ""
    assert query(built, COUNTS) == counts_of(NEW)
    assert query(built, UNATTACHED) == [(f"analytics.{theirs}",)]
    partitions = "select count(*) from pg_class where relnamespace = 'partitions'::regnamespace"
    assert query(built, f"{partitions} and relkind = 'r'") == [(3,)]


def run_another() -> str:
    """A build of another process; what it said of errors."""
    done = start("transform", FROM=DAYS[0], TO=DAYS[1]).finish()
    return done.stderr if done.returncode else ""
