"""151 days in one Dagster run: `python -m benchmarks.backfill [ROWS A DAY [DAYS]]`.

Everything of `make backfill` counts: start-up, ingestion, models, tests, checks, features and
model.
The floors are DuckDB's parse with one COPY (benchmarks/floor.py) and one statement
(benchmarks/transform.py), both in turns with ours.
Day by day, and pandas day by day, are done for a few days and extrapolated.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pandas as pd
from rich.console import Console

from benchmarks import floor, naive
from benchmarks.generate import START, Product, generate
from benchmarks.measure import (
    REPETITIONS,
    Report,
    drop_everything,
    execute,
    new_database,
    own_server,
)
from benchmarks.process import run
from benchmarks.transform import INDEX, INSERT, SHAPE
from core.days import DayRange
from core.warehouse.connection import Warehouse


def measure(rows_a_day: int = 30_000, length: int = 151) -> Report:
    """The figures, in seconds."""
    all_days = DayRange(START, START + timedelta(days=length))
    one_day = DayRange(START + timedelta(days=10), START + timedelta(days=11))
    report = Report("backfill", f"{length} days of {rows_a_day:,} events, seconds")
    with own_server() as folder:
        source, files = folder / "source", folder / "source" / "events" / "*.jsonl"
        generate(source, all_days, Product(rows_a_day))
        warehouse = new_database("backfill")
        os.environ |= {
            "SOURCE": "files",
            "EVENTS_URL": f"{source}/events/%Y-%m-%d.jsonl",
            "PROFILES_URL": f"{source}/profiles/%Y-%m-%d.jsonl",
            "PARTITIONS_START": f"{START}",
            "STORAGE_URL": f"{folder}/storage",
        }
        for _ in range(REPETITIONS):
            start_anew(folder, warehouse)
            report.time("one run", lambda: backfill(all_days))
            execute(warehouse, SHAPE, "checkpoint")
            report.time("floor of ingest", lambda: floor.load(warehouse, files, folder, START))
            report.time("floor of transform", lambda: execute(warehouse, INSERT, INDEX))
            execute(warehouse, "drop table one_statement, floor_events")
            report.time("day by day, one day", lambda: backfill(one_day))
        db = naive.engine(warehouse)
        profiles = pd.read_json(source / "profiles" / f"{START}.jsonl", lines=True)
        for day in islice(all_days, REPETITIONS):
            path = source / "events" / f"{day}.jsonl"
            report.time("pandas, one day", lambda p=path, d=day: naive_day(db, p, d, profiles))
    figures = report.figures
    floors = zip(figures["floor of ingest"], figures["floor of transform"], strict=True)
    figures["both floors"] = [sum(pair) for pair in floors]
    for way in ("day by day", "pandas"):
        figures[f"{way}, extrapolated"] = [each * length for each in figures[f"{way}, one day"]]
    report.ratio("backfill in one run ÷ both floors", "one run", "both floors", "≤ 2.5")
    report.ratio(
        "day by day ÷ one run, extrapolated", "day by day, extrapolated", "one run", "≥ 20"
    )
    report.ratio("pandas ÷ one run, extrapolated", "pandas, extrapolated", "one run")
    return report


def backfill(days: DayRange) -> None:
    """`make backfill`, as a user types it."""
    run(
        sys.executable,
        "-m",
        "orchestration.backfill",
        FROM=f"{days.start}",
        TO=f"{days.last}",
    )


def start_anew(folder: Path, warehouse: Warehouse) -> None:
    """No data, no history, no files."""
    drop_everything(warehouse)
    for name in ("dagster", "storage"):
        shutil.rmtree(folder / name, ignore_errors=True)


def naive_day(db: naive.Engine, path: Path, day: object, profiles: pd.DataFrame) -> None:
    """What a naive pipeline does of a day."""
    naive.land(db, path, day)
    naive.build(db, profiles, day)


if __name__ == "__main__":
    measure(*(int(each) for each in sys.argv[1:])).show(Console())
