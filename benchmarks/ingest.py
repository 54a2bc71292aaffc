"""What ingestion costs against its floor and the usual ways: `python -m benchmarks.ingest`.

ROWS (1,000,000) JSON lines of one day, about 205 bytes each, into the raw.events of an empty
database. dlt's default path and pandas' `to_sql` do SAMPLE (50,000) rows and are extrapolated.
The day is also delivered changed, every record of it, after its first delivery.
A fifth of the rows comes as 500 daily files, and as one. MEMORY=10 also loads ten times the rows
and compares peak memory.
"""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from benchmarks import floor, naive, process
from benchmarks.generate import START, Product, generate
from benchmarks.measure import (
    REPETITIONS,
    Report,
    drop_everything,
    new_database,
    number,
    own_server,
)
from benchmarks.settings import BenchmarkSettings
from core.days import DayRange
from core.migrations import migrate
from core.progress import Progress
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from ingestion.ingest import ingest
from ingestion.settings import IngestSettings

_SETTINGS = read_settings(BenchmarkSettings)
ROWS = _SETTINGS.rows or 1_000_000
SAMPLE = _SETTINGS.sample
MEMORY = _SETTINGS.memory
FILES = 500
DAY = DayRange(START, START + timedelta(days=1))
LAND = "ours, in a loaded process"
COMMAND = "ours, the whole command"
FIRST, CHANGED = "a day's first delivery, the command", "the day changed, the command"
FLOOR = "floor: DuckDB to CSV, then one COPY"


def events(folder: Path, rows: int, days: DayRange = DAY) -> str:
    """Generate `rows` in all as daily files; returns their template."""
    generate(folder, days, Product(rows // len(days)))
    return f"{folder}/events/%Y-%m-%d.jsonl"


def empty(warehouse: Warehouse) -> None:
    """An empty database with the landing tables."""
    drop_everything(warehouse)
    with closing(warehouse.connect()) as db:
        migrate(db)


def ours(warehouse: Warehouse, template: str, days: DayRange = DAY) -> None:
    """`make ingest` in this process. It counts its rows itself, and fails where they differ."""
    ingest(IngestSettings(days, "files", "canonical", template, "", ""), warehouse, Progress())


def command(template: str) -> process.Cost:
    """`make ingest` of the day as a process."""
    settings = {"SOURCE": "files", "EVENTS_URL": template, "FROM": f"{START}", "TO": f"{START}"}
    return process.run(sys.executable, "-m", "ingestion", "ingest", **settings)


def measure_seconds(warehouse: Warehouse, folder: Path) -> Report:
    """All ways of loading the same rows, in turns."""
    report = Report("ingest", f"{ROWS:,} JSON lines into raw.events, seconds")
    template, path = events(folder / "all", ROWS), folder / f"all/events/{START}.jsonl"
    empty(warehouse)
    ours(warehouse, events(folder / "sample", SAMPLE))  # imports what it needs
    assert number(warehouse, "select count(*) from raw.events") == SAMPLE  # noqa: S101
    sample = folder / f"sample/events/{START}.jsonl"
    some = f"{SAMPLE:,} rows of it"
    report.in_turns(
        {
            FLOOR: lambda: floor.load(warehouse, path, folder, START),
            LAND: lambda: ours(warehouse, template),
            COMMAND: lambda: command(template),
            f"dlt's default, {some}": lambda: naive.dlt_default(warehouse, sample),
            f"pandas, {some}": lambda: naive.land(naive.engine(warehouse), sample, START),
        },
        before=lambda: empty(warehouse),
    )
    report.ratio("ingest ÷ floor, net of start-up", LAND, FLOOR, "≤ 1.0")
    report.ratio("ingest ÷ floor, the whole command", COMMAND, FLOOR, "≤ 1.25")
    for way, target in (("dlt's default", "≥ 15"), ("pandas", "≥ 18")):
        everything = f"{way}, extrapolated"
        seconds = [part * ROWS / SAMPLE for part in report.figures[f"{way}, {some}"]]
        report.figures[everything] = seconds
        report.ratio(f"{way} ÷ ingest, extrapolated", everything, LAND, target)

    rows = ROWS // 5 // FILES * FILES
    year = DayRange(START, START + timedelta(days=FILES))
    many, one = events(folder / "many", rows, year), events(folder / "one", rows)
    daily, single = f"{rows:,} rows in {FILES} daily files", f"{rows:,} rows in one file"
    report.in_turns(
        {
            daily: lambda: ours(warehouse, many, year),
            single: lambda: ours(warehouse, one),
        },
        before=lambda: empty(warehouse),
    )
    report.ratio(f"{FILES} daily files ÷ one file", daily, single, "≤ 2")
    return report


def measure_changed(warehouse: Warehouse, folder: Path) -> Report:
    """A day that is delivered again with other records, against its first delivery."""
    report = Report("changed", f"{ROWS:,} JSON lines delivered, then all changed, seconds")
    template = events(folder / "changed", ROWS)
    delivered = folder / f"changed/events/{START}.jsonl"
    for turn in range(REPETITIONS):
        empty(warehouse)
        report.time(FIRST, lambda: command(template))
        generate(folder / "other", DAY, Product(ROWS, seed=100 + turn))
        (folder / f"other/events/{START}.jsonl").rename(delivered)
        report.time(CHANGED, lambda: command(template))
    report.ratio("a changed day ÷ its first delivery", CHANGED, FIRST, "≤ 1.15")
    return report


def measure_memory(warehouse: Warehouse, folder: Path) -> Report:
    """Peak resident memory of the command and its children."""
    report = Report("memory", "peak of `make ingest` and its children, MB")
    sizes = [ROWS, ROWS * MEMORY] if MEMORY else [ROWS]
    templates = {f"{rows:,} rows": events(folder / f"{rows}", rows) for rows in sizes}
    for _ in range(REPETITIONS):
        for size, template in templates.items():
            empty(warehouse)
            report.add(size, command(template).megabytes)
    for size in templates:
        report.limit(f"peak memory of ingest, {size}, MB", size, "≤ 700 MB")
    if MEMORY:
        first, last = templates
        report.ratio(f"peak memory of ingest, {last} ÷ {first}", last, first, "≤ 1.1")
    return report


if __name__ == "__main__":
    with own_server() as folder:
        warehouse = new_database("ingest")
        for measure in (measure_seconds, measure_changed, measure_memory):
            measure(warehouse, folder).show(Console())
