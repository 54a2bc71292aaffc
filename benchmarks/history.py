"""What rebuilding one day costs as history grows: `python -m benchmarks.history [DAYS ...]`.

For each length of history a database of its own, DAYS daily files of ROWS (1,000) events,
everything built; then the last day but nine is rebuilt in each of them, in turns. `read a day` is
a query of that day on a new connection.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from dbt.cli.main import dbtRunner
from rich.console import Console

from benchmarks.generate import Product
from benchmarks.measure import REPETITIONS, Report, execute, new_database, number, own_server
from benchmarks.settings import BenchmarkSettings
from benchmarks.transform import load
from core.days import DayRange
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from transform.build import build_arguments
from transform.project import LOCATION

END = date(2026, 1, 1)
ROWS = read_settings(BenchmarkSettings).rows or 1_000
LEFT = {
    "dead rows of fact_events": """select sum(n_dead_tup) from pg_stat_user_tables
        where relname like 'fact_events%' and schemaname = 'analytics'""",
    "bytes of fact_events": """select sum(pg_total_relation_size(inhrelid))
        from pg_inherits where inhparent = 'analytics.fact_events'::regclass""",
    "bytes of the database": "select pg_database_size(current_database())",
}


@dataclass(frozen=True)
class History:
    """A built database, and where dbt keeps what it parsed for it: with one folder for all, every
    turn would parse the project anew."""

    name: str
    warehouse: Warehouse
    target: Path

    def build(self, *arguments: str) -> float:
        """`dbt build` in this process; returns the seconds of fact_events alone."""
        os.environ.update(self.warehouse.libpq_env())
        options = ["--target-path", f"{self.target}", "--log-level", "none"]
        outcome = dbtRunner().invoke([*arguments, *LOCATION, *options])
        assert outcome.success  # noqa: S101 - a benchmark of a failed run is none
        times = {result.node.name: result.execution_time for result in outcome.result}
        return float(times["fact_events"])


def fill(folder: Path, days: int) -> History:
    """A database with `days` of history, and all of it built."""
    warehouse = new_database(f"history_{days}")
    span = DayRange(END - timedelta(days=days), END)
    load(warehouse, folder / f"source_{days}", span, Product(ROWS, users=500))
    history = History(f"{days:,} days", warehouse, folder / f"target_{days}")
    history.build(*build_arguments(None))
    return history


def measure(lengths: list[int]) -> tuple[Report, Report]:
    """Seconds, and what the rebuilds leave behind."""
    report = Report("history", f"rebuilding one day of {ROWS:,} events, seconds")
    left = Report("left_behind", f"what {REPETITIONS} rebuilds of one day leave behind")
    day = END - timedelta(days=10)
    arguments = build_arguments(DayRange(day, day + timedelta(days=1)))
    query = f"select count(*) from analytics.fact_events where event_date = '{day}'"
    with own_server() as folder:
        histories = [fill(folder, days) for days in lengths]

        def rebuild(history: History) -> Callable[[], None]:
            return lambda: report.add(f"fact_events, {history.name}", history.build(*arguments))

        def sizes(history: History) -> dict[str, float]:
            execute(history.warehouse, "checkpoint")
            return {what: number(history.warehouse, each) for what, each in LEFT.items()}

        for history in histories:
            history.build(*arguments)  # the first of a range parses the project
        before = [sizes(history) for history in histories]
        report.in_turns({f"dbt run, {history.name}": rebuild(history) for history in histories})
        for history, earlier in zip(histories, before, strict=True):
            for what, size in sizes(history).items():
                left.add(f"{what}, {history.name}", size - earlier[what])
        report.in_turns(
            {f"read a day, {h.name}": lambda h=h: execute(h.warehouse, query) for h in histories}
        )
    first, last = f"{lengths[0]:,} days", f"{lengths[-1]:,} days"
    for what, target in {"dbt run": "≤ 1.2", "fact_events": "", "read a day": ""}.items():
        name = f"one-day rebuild, {what}" if target else what
        title = f"{name}, {last} ÷ {first}"
        report.ratio(title, f"{what}, {last}", f"{what}, {first}", target)
    for history in histories:
        dead = f"dead rows of fact_events, {history.name}"
        left.limit(f"one-day rebuild, dead rows, {history.name}", dead, "≤ 0")
    return report, left


if __name__ == "__main__":
    for figures in measure([int(days) for days in sys.argv[1:]] or [30, 365, 1_000]):
        figures.show(Console())
