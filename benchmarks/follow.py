"""A file to its facts by `make follow`: `python -m benchmarks.follow [FILES [GAP]]`.

A file of 120 events every GAP (10) seconds is a million events a day. ROWS events of the day are
there before. Seconds are those that it prints itself: from the moment at which the file was there
until its day is built and every test has passed. Then a minute in which nothing arrives.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from rich.console import Console

from benchmarks import process
from benchmarks.generate import Product, generate
from benchmarks.measure import Report, new_database, number, own_server
from benchmarks.settings import BenchmarkSettings
from core.days import DayRange
from core.errors import UserError
from core.settings import ROOT, read_settings

BEFORE = read_settings(BenchmarkSettings).rows
EVENTS = 120  # a file
IDLE = 60  # seconds
AFTER = re.compile(r" after ([\d.]+) s$")
TICKS = os.sysconf("SC_CLK_TCK")
SECONDS = "from a file to its facts, all tests, seconds"


class Following:
    """`make follow`, and what it has said."""

    def __init__(self, folder: Path) -> None:
        template = {"SOURCE": "files", "EVENTS_URL": f"{folder}/%Y-%m-%d*.jsonl"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "commands.follow"],
            cwd=ROOT,
            env=os.environ | template,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.seconds: list[float] = []
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            if found := AFTER.search(line):
                self.seconds.append(float(found[1]))

    def wait(self, loads: int, seconds: float = 600) -> None:
        """Until it has said so many; UserError where it ends, or does not."""
        deadline = time.monotonic() + seconds
        while len(self.seconds) < loads:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"make follow has said {len(self.seconds)} of {loads} loads")
            time.sleep(0.05)

    def cpu(self) -> float:
        """Seconds of the processor so far."""
        after = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after[11]) + int(after[12])) / TICKS

    def megabytes(self) -> float:
        """Resident now."""
        return process.resident(self.process.pid) / 1024


@contextmanager
def following(folder: Path) -> Iterator[Following]:
    """It runs as long as the body does, and has built what was there before."""
    found = Following(folder)
    try:
        yield found
    finally:
        found.process.terminate()
        found.process.wait(60)


def arrive(folder: Path, number: int) -> None:
    """A file of events of now, whole at once."""
    now = datetime.now(UTC)
    records = (
        {
            "event_id": f"{number}-{each}",
            "user_id": f"u{each}",
            "event_type": "click",
            "event_ts": now.isoformat(),
            "region": "eu-west",
            "properties": {"n": each},
        }
        for each in range(EVENTS)
    )
    written = folder / f".{number}"
    written.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    written.rename(folder / f"{now:%Y-%m-%d}-{number:06}.jsonl")


def measure(files: int = 30, gap: float = 10) -> Report:
    """Seconds of each file, memory, and the processor while nothing arrives."""
    about = f"{files} files of {EVENTS} events, {gap:g} s apart, {BEFORE:,} events before them"
    report = Report("follow", about)
    with own_server() as folder:
        warehouse = new_database("follow")
        today = datetime.now(UTC).date()
        generate(folder, DayRange.of(today), Product(max(BEFORE, 1)))
        events = folder / "events"
        with following(events) as follow:
            follow.wait(1)
            started_at = follow.megabytes()
            for each in range(files):
                next_at = time.monotonic() + gap
                arrive(events, each)
                time.sleep(max(next_at - time.monotonic(), 0))
            facts = "select count(*) from analytics.fact_events where user_id like 'u%'"
            deadline = time.monotonic() + 600
            while number(warehouse, facts) < files * EVENTS and time.monotonic() < deadline:
                time.sleep(0.2)
            for seconds in follow.seconds[1:]:
                report.add(SECONDS, seconds)
            report.add("resident MB, after the first load", started_at)
            report.add("resident MB, after the last", follow.megabytes())
            before = follow.cpu()
            time.sleep(IDLE)
            report.add("processor of an idle minute, seconds", follow.cpu() - before)
    ordered = report.figures[SECONDS]
    p95 = statistics.quantiles(ordered, n=20)[-1]
    report.add("95 % of the files, seconds", p95)
    report.limit("a file to its facts, 95 %", "95 % of the files, seconds", "≤ 5 s")
    first, last = "resident MB, after the first load", "resident MB, after the last"
    report.ratio("memory, last ÷ first", last, first)
    return report


if __name__ == "__main__":
    measure(*(int(each) for each in sys.argv[1:])).show(Console())
