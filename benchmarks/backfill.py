"""151 days in one Dagster run: `python -m benchmarks.backfill [ROWS A DAY]`.

Everything of `make backfill` counts: ingestion, all models, tests and checks, features and model.
The floors are DuckDB's parse with one COPY, and one statement (benchmarks/transform.py).
Day by day, and pandas day by day, are done for SAMPLE days and extrapolated.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from itertools import islice
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
from rich.console import Console

from benchmarks import naive
from benchmarks.generate import START, Product, generate
from benchmarks.measure import Report, execute, new_database, own_server
from benchmarks.transform import INDEX, INSERT, SHAPE
from commands.dagster_home import prepare_home
from commands.transform import prepare_warehouse
from ingestion.days import DayRange
from ingestion.warehouse import Warehouse

DAYS = DayRange(START, START + timedelta(days=151))
SAMPLE = 3


def measure(rows_a_day: int) -> Report:
    """The figures, in seconds."""
    report = Report("backfill", f"{len(DAYS)} days of {rows_a_day:,} events, seconds")
    with own_server() as folder:
        generate(folder / "source", DAYS, Product(rows_a_day))
        warehouse = new_database("backfill")
        os.environ |= {
            "ENV_FILE": os.devnull,
            "SOURCE": "files",
            "EVENTS_URL": f"{folder}/source/events/%Y-%m-%d.jsonl",
            "PROFILES_URL": f"{folder}/source/profiles/%Y-%m-%d.jsonl",
            "PARTITIONS_START": f"{START}",
            "STORAGE_URL": f"{folder}/storage",
        }
        prepare_warehouse()
        prepare_home()
        from orchestration.backfill import run_range  # reads the settings

        with dg.DagsterInstance.get() as instance:

            def run(days: DayRange) -> None:
                assert run_range(days, instance)  # noqa: S101

            report.time("one run", lambda: run(DAYS))
            for day in islice(DAYS, 10, 10 + SAMPLE):
                one = DayRange(day, day + timedelta(days=1))
                report.time("a day of 151, one run a day", lambda one=one: run(one))
        execute(warehouse, SHAPE, "checkpoint")
        report.time("floor of ingest", lambda: copy(warehouse, folder))
        report.time("floor of transform", lambda: execute(warehouse, INSERT, INDEX))
        db = naive.engine(warehouse)
        profiles = pd.read_json(folder / "source" / "profiles" / f"{START}.jsonl", lines=True)
        for day in islice(DAYS, SAMPLE):
            path = folder / "source" / "events" / f"{day}.jsonl"
            report.time("a day of 151, pandas", lambda p=path, d=day: naive_day(db, p, d, profiles))
    figures = report.figures
    figures["both floors"] = [figures["floor of ingest"][0] + figures["floor of transform"][0]]
    for name in ("a day of 151, one run a day", "a day of 151, pandas"):
        figures[f"extrapolated: {name}"] = [seconds * len(DAYS) for seconds in figures[name]]
    report.ratio("one run ÷ both floors", "one run", "both floors", "≤ 2.5")
    report.ratio(
        "day by day ÷ one run (extrapolated)",
        "extrapolated: a day of 151, one run a day",
        "one run",
        "≥ 20",
    )
    report.ratio(
        "pandas ÷ one run (extrapolated)", "extrapolated: a day of 151, pandas", "one run", ""
    )
    return report


def naive_day(db: naive.Engine, path: Path, day: object, profiles: pd.DataFrame) -> None:
    """What a naive pipeline does of a day."""
    naive.land(db, path, day)
    naive.build(db, profiles, day)


def copy(warehouse: Warehouse, folder: Path) -> None:
    """DuckDB to one CSV file, then COPY, one after the other."""
    target = folder / "floor.csv"
    duckdb.execute(
        f"""copy (select event_id, user_id, event_type, event_ts, region, properties as payload,
                date '{START}' as ingest_date, left(event_ts, 10) as event_date,
                null as parse_error, 'canonical' as source, '1' as _dlt_load_id, null as file
            from read_json('{folder}/source/events/*.jsonl', format='newline_delimited',
                columns={{event_id: 'VARCHAR', user_id: 'VARCHAR', event_type: 'VARCHAR',
                event_ts: 'VARCHAR', region: 'VARCHAR', properties: 'JSON'}}))
        to '{target}' (format csv, header false)"""
    )
    execute(warehouse, "create table floor_events (like raw.events including all)")
    with warehouse.connect() as db, db.cursor() as cursor, target.open() as file:
        cursor.copy_expert(
            """copy floor_events (event_id, user_id, event_type, event_ts, region, payload,
            ingest_date, event_date, parse_error, source, _dlt_load_id, file)
            from stdin (format csv)""",
            file,
        )


if __name__ == "__main__":
    measure(int(sys.argv[1]) if sys.argv[1:] else 30_000).show(Console())
