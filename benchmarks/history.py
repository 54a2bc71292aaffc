"""What rebuilding one day costs as history grows: `python -m benchmarks.history [DAYS ...]`.

For each length of history: a new database, DAYS daily files of ROWS events with 1 % of them late,
everything built; then the last day but nine is rebuilt five times. Prints seconds of the whole dbt
run and of fact_events alone (min / median), dead rows left, and the seconds of a one-day query.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import duckdb
from dbt.cli.main import dbtRunner
from rich.console import Console
from rich.table import Table

from commands.project import LOCATION
from commands.transform import build_arguments, transform
from ingestion.days import DayRange
from ingestion.ingest import ingest
from ingestion.progress import Progress
from ingestion.settings import IngestSettings
from ingestion.warehouse import Warehouse, start_embedded

START = date(2004, 1, 1)
ROWS = int(os.environ.get("ROWS") or 1_000)
REPEATS = 5


def generate(folder: Path, days: int) -> None:
    """Daily CSV files, one event in a hundred a day late."""
    duckdb.execute(
        f"""copy (
            select 'e' || day || i as event_id, 'u' || i % 500 as user_id, 'click' as event_type,
                strftime(day - cast(i % 100 = 0 as int) + interval (i % 86400) second,
                    '%Y-%m-%dT%H:%M:%SZ') as event_ts,
                'eu' as region, '{{"n": ' || i || '}}' as properties,
                strftime(day, '%Y-%m-%d') as file
            from (select date '{START}' + cast(d as int) as day from range({days}) t(d)),
                range({ROWS}) r(i)
        ) to '{folder}' (format csv, partition_by (file), header)"""
    )


def measure(days: int) -> tuple[str, ...]:
    """One row of the table."""
    os.environ.pop("PGHOST", None)
    os.environ["PGDATABASE"] = f"history_{days}"
    warehouse = start_embedded()
    os.environ.update(warehouse.libpq_env())
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), days)
        span = DayRange(START, START + timedelta(days=days))
        url = f"{folder}/file=%Y-%m-%d/*.csv"
        ingest(IngestSettings(span, "files", "canonical", url, "", ""), warehouse, Progress())
    transform(None, Progress())
    day = span.end - timedelta(days=10)
    runs, models, reads = [], [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        outcome = dbtRunner().invoke(
            [
                *build_arguments(DayRange(day, day + timedelta(days=1))),
                *LOCATION,
                *("--log-level", "none"),
            ]
        )
        assert outcome.success  # noqa: S101 - a benchmark of a failed run is none
        runs.append(time.perf_counter() - started)
        models += [r.execution_time for r in outcome.result if r.node.name == "fact_events"]
        reads.append(_read(warehouse, day))
    return (
        f"{days:,}",
        *(f"{min(times):.3f} / {statistics.median(times):.3f}" for times in (runs, models, reads)),
        str(_dead_rows(warehouse)),
    )


def _read(warehouse: Warehouse, day: date) -> float:
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute("select count(*) from analytics.fact_events where event_date = %s", (day,))
        return time.perf_counter() - started


def _dead_rows(warehouse: Warehouse) -> int:
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(
            "select sum(n_dead_tup) from pg_stat_user_tables where relname like 'fact_events%'"
        )
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    table = Table(title=f"Rebuilding one day of {ROWS:,} events")
    for name in ("days of history", "dbt run, s", "fact_events, s", "read a day, s", "dead rows"):
        table.add_column(name, justify="right")
    for history in [int(days) for days in sys.argv[1:]] or [30, 365, 1_000]:
        table.add_row(*measure(history))
    Console().print(table)
