"""How cost grows with the events of a day: `python -m benchmarks.scaling [ROWS ...]`.

After 30 days of 1,000 events, days of 1,000 to 1,000,000 events arrive one by one, in turns: each
is a new day, ingested and then built alone, in a loaded process.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from rich.console import Console

from benchmarks.generate import START, Product, generate
from benchmarks.measure import REPETITIONS, Report, new_database, number, own_server
from benchmarks.transform import dbt, load
from core.days import DayRange
from core.progress import Progress
from ingestion.ingest import ingest
from ingestion.settings import IngestSettings
from transform.build import build_arguments, transform

HISTORY = DayRange(START, START + timedelta(days=30))
# A day's late events would rebuild the day before, which may be one of a million.
APART = timedelta(days=4)
SIZES = [1_000, 10_000, 100_000, 1_000_000]


def measure(sizes: list[int]) -> Report:
    """Seconds of ingest and of dbt, by the rows of a day."""
    report = Report("scaling", f"one more day after {len(HISTORY)} of 1,000 events, seconds")
    with own_server() as folder:
        warehouse = new_database("scaling")
        load(warehouse, folder, HISTORY, Product(1_000))
        transform(warehouse, None, Progress())
        events, day = f"{folder}/events/%Y-%m-%d.jsonl", HISTORY.end
        for repetition in range(REPETITIONS + 1):
            for size in sizes if repetition else sizes[:1]:
                days = DayRange(day, day + timedelta(days=1))
                generate(folder, days, Product(size))
                settings = IngestSettings(days, "files", "canonical", events, "", "")
                runs = {
                    f"ingest, {size:,} events": lambda s=settings: ingest(s, warehouse, Progress()),
                    f"dbt build, {size:,} events": lambda d=days: dbt(*build_arguments(d)),
                }
                for what, run in runs.items():
                    report.time(what, run) if repetition else run()  # the first does not count
                found = number(
                    warehouse,
                    f"select count(*) from analytics.fact_events where event_date = '{day}'",
                )
                assert 0.9 * size < found < size  # noqa: S101 - 5 % repeated, 1 % of earlier days
                day += APART
    first, last = f"{sizes[0]:,} events", f"{sizes[-1]:,} events"
    for what in ("ingest", "dbt build"):
        report.ratio(f"{what}, {last} ÷ {first}", f"{what}, {last}", f"{what}, {first}")
    return report


if __name__ == "__main__":
    measure([int(rows) for rows in sys.argv[1:]] or SIZES).show(Console())
