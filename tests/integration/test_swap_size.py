"""Many partitions on a server as it comes, with 64 locks a transaction: no reader waits long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta

import pytest

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run
from tests.helpers.strategy_project import PLAIN, StrategyProject

pytestmark = pytest.mark.tables_built

LOCKS = "select * from intermediate.int_partition_locks"
FIRST = date(2019, 1, 1)
STATE = "select count(*)::int, min(sale), max(sale) from shop.daily"


@pytest.fixture
def stock(over_tcp, monkeypatch, tmp_path) -> Iterator[StrategyProject]:
    """The strategy's project on a server of which nobody has changed a setting."""
    over_tcp.execute("create database stock")
    where = Warehouse(over_tcp.admin.host, over_tcp.port, "postgres", "stock")
    for name, value in where.libpq_env().items():
        monkeypatch.setenv(name, value)
    assert query(where, "show max_locks_per_transaction") == [("64",)]
    project = StrategyProject(tmp_path / "elsewhere", where)
    project.configure({})
    text = PLAIN.but(config={"indexes": [{"columns": ["sold_on", "sale"], "unique": True}]})
    project.write("daily", text)
    yield project
    over_tcp.execute("drop database stock with (force)")


@pytest.mark.parametrize("days", [250, pytest.param(2_500, marks=pytest.mark.full)])
def test_all_days_are_built_and_rebuilt_in_chunks(stock, days):
    last = FIRST + timedelta(days=days - 1)
    stock.window([{"first": f"{FIRST}", "last": f"{last}"}])
    stock.run_sql(
        "truncate shop.sales; insert into shop.sales (sale, sold_on) "
        f"select 1, day from generate_series(date '{FIRST}', date '{last}', '1 day') as day"
    )
    took = [seconds(stock)]
    assert query(stock.warehouse, STATE) == [(days, 1, 1)]

    stock.run_sql("update shop.sales set sale = 2")
    stop, waits, seen = threading.Event(), [0.0], set()

    def read() -> None:
        with closing(stock.warehouse.connect()) as db, db.cursor() as cursor:
            while not stop.wait(0.005):
                began = time.monotonic()
                cursor.execute(f"{STATE} where sold_on = '{FIRST}'")
                seen.update(cursor.fetchall())
                waits.append(time.monotonic() - began)

    with ThreadPoolExecutor(1) as thread:
        reader = thread.submit(read)
        try:
            took.append(seconds(stock))
        finally:
            stop.set()
        reader.result()
    print(f"{days} days: first {took[0]:.1f} s, again {took[1]:.1f} s, waited {max(waits):.2f} s")
    assert query(stock.warehouse, STATE) == [(days, 2, 2)]
    assert seen == {(1, 1, 1), (1, 2, 2)}, "the day is never empty"
    left = r"select relname from pg_class where relname like 'daily\_\_%%'"
    assert query(stock.warehouse, left) == []

    stock.run_sql("update shop.sales set sale = 3")
    assert stock.dbt("run", "--full-refresh")["daily"] == ""
    assert query(stock.warehouse, STATE) == [(days, 3, 3)]


def seconds(project: StrategyProject) -> float:
    """What a run of the model takes."""
    began = time.monotonic()
    assert project.dbt("run")["daily"] == ""
    return time.monotonic() - began


@pytest.mark.full
def test_from_2000_partitions_the_locks_that_readers_need_are_named(stock, tmp_path, capsys):
    """Of the project's own models, on the same server."""
    deliver(tmp_path / "events", "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(stock.warehouse, tmp_path / "events", "2026-01-01")
    assert build().endswith("0 warned")
    stock.run_sql(
        """do $$ begin
            for n in 1..2000 loop
                execute format(
                    'create table partitions.p%s partition of analytics.fact_events '
                    'for values from (%L) to (%L)',
                    n, date '2000-01-01' + n, date '2000-01-01' + n + 1);
            end loop;
        end $$"""
    )
    deliver(tmp_path / "events", "2026-01-02", [event("b", "2026-01-02T10:00:00Z")])
    ingest_files(stock.warehouse, tmp_path / "events", "2026-01-02")
    assert build().endswith("1 warned")
    assert "warn_too_few_locks" in capsys.readouterr().err
    assert query(stock.warehouse, LOCKS) == [(2_002, 64, 321, False)]
    said = " ".join(run("commands.doctor").stdout.split())
    assert "max_locks_per_transaction = 321 is needed (docs/postgres.md)" in said
