"""Files to facts by the commands a user types: `python -m benchmarks.end_to_end [ROWS [DAYS]]`.

20,000,000 events over 20 days, `make ingest` and `make transform`, every setting its default.
Peak memory is that of a command and its children; what Postgres uses is not in it.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from benchmarks import process
from benchmarks.generate import START, Product, generate
from benchmarks.measure import Report, new_database, number, own_server
from core.days import DayRange
from core.warehouse.embedded import EMBEDDED_DATABASE


def measure(rows: int = 20_000_000, days: int = 20) -> Report:
    """What the two commands cost, and whether all rows arrived."""
    report = Report("end_to_end", f"{rows:,} events over {days} days, from files to facts")
    span = DayRange(START, START + timedelta(days=days))
    with own_server() as folder:
        source = folder / "source"
        generate(source, span, Product(rows // days))
        settings = {
            "SOURCE": "files",
            "EVENTS_URL": f"{source}/events/%Y-%m-%d.jsonl",
            "PROFILES_URL": f"{source}/profiles/%Y-%m-%d.jsonl",
            "FROM": f"{span.start}",
            "TO": f"{span.last}",
        }
        for target in ("install", "up"):
            process.run("make", target)
        ingest = process.run("make", "ingest", quiet=False, **settings)
        transform = process.run("make", "transform", quiet=False)
        for name, cost in {"make ingest": ingest, "make transform": transform}.items():
            report.add(f"{name}, seconds", cost.seconds)
            report.add(f"{name}, rows a second", rows / cost.seconds)
            report.add(f"{name}, peak MB", cost.megabytes)
        seconds = ingest.seconds + transform.seconds
        report.add("both, seconds", seconds)
        report.add("both, rows a second", rows / seconds)
        report.add("source files, GB of disk", size(source))
        report.add("Postgres with its WAL, GB of disk", size(folder / "postgres"))
        warehouse = new_database(EMBEDDED_DATABASE)
        accounting = "select sum({}) from analytics.row_accounting"
        report.add("facts", number(warehouse, "select count(*) from analytics.fact_events"))
        accounted = number(warehouse, accounting.format("fact + duplicate + quarantined"))
        report.add("rows accounted for, share", accounted / (rows // days * days))
    report.limit(f"{rows:,} rows end to end, share", "rows accounted for, share", "≥ 1")
    return report


def size(folder: Path) -> float:
    """Gigabytes (10^9 bytes) that a folder's files hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


if __name__ == "__main__":
    measure(*(int(each) for each in sys.argv[1:])).show(Console())
