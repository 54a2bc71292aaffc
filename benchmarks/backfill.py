"""151 days in one Dagster run: `python -m benchmarks.backfill [ROWS A DAY]`.

Everything of `make backfill` counts: ingestion, all models, tests and checks, features and model.
The floors are DuckDB's parse with one COPY (benchmarks/floor.py) and one statement
(benchmarks/transform.py), both in turns with ours.
Day by day, and pandas day by day, are done for SAMPLE days and extrapolated.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from itertools import islice
from pathlib import Path

import dagster as dg
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
from benchmarks.transform import INDEX, INSERT, SHAPE
from commands.dagster_home import prepare_home
from commands.transform import prepare_warehouse
from ingestion.days import DayRange

DAYS = DayRange(START, START + timedelta(days=151))
SAMPLE = 3


def measure(rows_a_day: int) -> Report:
    """The figures, in seconds."""
    report = Report("backfill", f"{len(DAYS)} days of {rows_a_day:,} events, seconds")
    with own_server() as folder:
        source = folder / "source"
        generate(source, DAYS, Product(rows_a_day))
        warehouse = new_database("backfill")
        os.environ |= {
            "SOURCE": "files",
            "EVENTS_URL": f"{source}/events/%Y-%m-%d.jsonl",
            "PROFILES_URL": f"{source}/profiles/%Y-%m-%d.jsonl",
            "PARTITIONS_START": f"{START}",
            "STORAGE_URL": f"{folder}/storage",
        }
        prepare_home()
        from orchestration.backfill import run_range  # reads the settings

        with dg.DagsterInstance.get() as instance:

            def run(days: DayRange) -> None:
                assert run_range(days, instance)  # noqa: S101

            for _ in range(REPETITIONS):
                drop_everything(warehouse)
                prepare_warehouse()
                report.time("one run", lambda: run(DAYS))
                execute(warehouse, SHAPE, "checkpoint")
                files = source / "events" / "*.jsonl"
                report.time(
                    "floor of ingest", lambda f=files: floor.load(warehouse, f, folder, START)
                )
                report.time("floor of transform", lambda: execute(warehouse, INSERT, INDEX))
            for day in islice(DAYS, 10, 10 + SAMPLE):
                one = DayRange(day, day + timedelta(days=1))
                report.time("a day of 151, one run a day", lambda one=one: run(one))
        db = naive.engine(warehouse)
        profiles = pd.read_json(source / "profiles" / f"{START}.jsonl", lines=True)
        for day in islice(DAYS, SAMPLE):
            path = source / "events" / f"{day}.jsonl"
            report.time("a day of 151, pandas", lambda p=path, d=day: naive_day(db, p, d, profiles))
    figures = report.figures
    floors = zip(figures["floor of ingest"], figures["floor of transform"], strict=True)
    figures["both floors"] = [sum(pair) for pair in floors]
    for name in ("a day of 151, one run a day", "a day of 151, pandas"):
        figures[f"extrapolated: {name}"] = [seconds * len(DAYS) for seconds in figures[name]]
    by_day, pandas = (f"extrapolated: a day of 151, {x}" for x in ("one run a day", "pandas"))
    report.ratio("backfill in one run ÷ both floors", "one run", "both floors", "≤ 2.5")
    report.ratio("day by day ÷ one run, extrapolated", by_day, "one run", "≥ 20")
    report.ratio("pandas ÷ one run, extrapolated", pandas, "one run")
    return report


def naive_day(db: naive.Engine, path: Path, day: object, profiles: pd.DataFrame) -> None:
    """What a naive pipeline does of a day."""
    naive.land(db, path, day)
    naive.build(db, profiles, day)


if __name__ == "__main__":
    measure(int(sys.argv[1]) if sys.argv[1:] else 30_000).show(Console())
