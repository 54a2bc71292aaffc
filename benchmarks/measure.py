"""What all benchmarks share: repetitions side by side, ratios with their targets, and JSON."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.settings import BenchmarkSettings
from core.settings import ROOT, read_settings
from core.warehouse.connection import Warehouse
from core.warehouse.embedded import start_embedded, stop_embedded

REPETITIONS = read_settings(BenchmarkSettings).repeats
RESULTS = ROOT / "benchmarks" / "results"
SETTINGS = ("REPEATS", "ROWS", "SAMPLE", "MEMORY")


def command_line() -> str:
    """What was typed to start this process, with the settings that benchmarks know."""
    settings = [f"{name}={os.environ[name]}" for name in SETTINGS if os.environ.get(name)]
    module = f"benchmarks.{Path(sys.argv[0]).stem}"
    return " ".join([*settings, "python", "-m", module, *sys.argv[1:]])


def is_met(value: float, target: str) -> bool | None:
    """Whether `value` keeps a target such as "≤ 1.5" or "≥ 15"; None where there is no target.

    Raises:
        ValueError: the target is written in another way.
    """
    if not target:
        return None
    read = re.fullmatch(r"([≤≥]) ([\d.]+)(?: \w+)?", target)
    if not read:
        raise ValueError(f"target={target!r}: expected ≤ or ≥, a number, and perhaps a unit")
    return value <= float(read[2]) if read[1] == "≤" else value >= float(read[2])


@dataclass(frozen=True)
class Ratio:
    """Two figures compared, or one with its limit."""

    what: str
    value: float
    target: str
    met: bool | None


@dataclass
class Report:
    """The figures of one benchmark: seconds (or bytes) by what was measured, and ratios of them."""

    name: str
    about: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    command: str = field(default_factory=command_line)

    def add(self, what: str, value: float) -> None:
        """One more measurement of `what`."""
        self.figures.setdefault(what, []).append(value)

    def time(self, what: str, function: Callable[[], object]) -> None:
        """Measure one call, in seconds."""
        started = time.perf_counter()
        function()
        self.add(what, time.perf_counter() - started)
        print(f"{self.name}: {what}: {self.figures[what][-1]:,.2f} s", file=sys.stderr)

    def in_turns(
        self,
        runs: Mapping[str, Callable[[], object]],
        *,
        before: Callable[[], object] = lambda: None,
        warm_up: bool = False,
    ) -> None:
        """Measure each REPEATS times, one after the other and then backwards: what disturbs the
        machine, or is left to it by the one before, disturbs all of them.

        Args:
            runs: what to measure, by its name.
            before: done before each call, not measured.
            warm_up: do each once before that does not count.
        """
        if warm_up:
            for run in runs.values():
                before()
                run()
        for turn in range(REPETITIONS):
            for what, run in list(runs.items())[:: -1 if turn % 2 else 1]:
                before()
                self.time(what, run)

    def ratio(self, what: str, ours: str, other: str, target: str = "") -> None:
        """Compare two figures by their medians: of runs side by side on the same noisy machine."""
        value = self.median(ours) / self.median(other)
        self.ratios.append(Ratio(what, value, target, is_met(value, target)))

    def limit(self, what: str, figure: str, target: str) -> None:
        """Compare the median of one figure with a target in its own unit."""
        value = self.median(figure)
        self.ratios.append(Ratio(what, value, target, is_met(value, target)))

    def median(self, what: str) -> float:
        """The median of a figure's measurements."""
        return statistics.median(self.figures[what])

    def show(self, console: Console, results: Path = RESULTS) -> None:
        """Print the report and write `RESULTS/NAME.json`."""
        table = Table(title=f"{self.name}: {self.about}", title_justify="left")
        for column in ("measured", "min", "median", "max"):
            table.add_column(column, justify="left" if column == "measured" else "right")
        for what, values in self.figures.items():
            shown = (min(values), statistics.median(values), max(values))
            table.add_row(what, *(f"{value:,.2f}" for value in shown))
        console.print(table)
        if self.ratios:
            console.print(ratios_table("of the medians", self.ratios))
        results.mkdir(exist_ok=True)
        document = asdict(self) | machine()
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (results / f"{self.name}.json").write_text(text + "\n")


def ratios_table(title: str, ratios: list[Ratio]) -> Table:
    """Ratios with their targets, and whether these were met."""
    table = Table(title=title, title_justify="left")
    for column in ("ratio", "value", "target", "met"):
        table.add_column(column, justify="left" if column == "ratio" else "right")
    for each in ratios:
        sign = "" if each.met is None else "[green]✓[/]" if each.met else "[red]✗[/]"
        table.add_row(each.what, f"{each.value:,.2f}", each.target, sign)
    return table


def read_reports(results: Path) -> dict[str, dict[str, Any]]:
    """The reports that `Report.show` wrote, by name, the oldest first."""
    found = [json.loads(path.read_text()) for path in results.glob("*.json")]
    return {report["name"]: report for report in sorted(found, key=lambda report: report["at"])}


def machine() -> dict[str, object]:
    """When, on what, and of which commit."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "memory_gb": round(gigabytes),
    }


@contextmanager
def own_server() -> Iterator[Path]:
    """An embedded Postgres of the benchmark's own, with the settings a user gets, and a folder.

    What the user has set for a warehouse of theirs, in the environment or in .env, does not count.
    """
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "DAGSTER_HOME"):
        os.environ.pop(name, None)
    with TemporaryDirectory(prefix="fact-events-bench-") as folder:
        os.environ |= {"LOCAL_DIR": folder, "ENV_FILE": os.devnull}
        try:
            yield Path(folder)
        finally:
            os.environ.pop("PGDATABASE", None)
            stop_embedded()


def new_database(name: str) -> Warehouse:
    """An empty database, named by this process's PG* variables."""
    os.environ.pop("PGHOST", None)
    os.environ["PGDATABASE"] = name
    found = start_embedded()
    os.environ.update(found.libpq_env())
    return found


def drop_everything(warehouse: Warehouse) -> None:
    """The database as it was new."""
    schemas = execute(
        warehouse,
        """select format('drop schema %I cascade', nspname) from pg_namespace
        where nspname !~ '^pg_' and nspname <> 'information_schema'""",
    )
    drops = [f"{statement}" for [statement] in schemas]
    execute(warehouse, *drops, "create schema public", "checkpoint")


def execute(warehouse: Warehouse, *statements: str) -> list[tuple[object, ...]]:
    """Run statements; the rows of the last one, where it has some."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def number(warehouse: Warehouse, query: str) -> float:
    """The one number that a query answers; 0 where it is null."""
    [[value]] = execute(warehouse, f"select coalesce(({query}), 0)::float8")
    return float(f"{value}")
