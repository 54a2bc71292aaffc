"""What all benchmarks share: repetitions side by side, a table of ratios, and JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from ingestion.settings import ROOT
from ingestion.warehouse import Warehouse, start_embedded, stop_embedded

REPETITIONS = 3
RESULTS = ROOT / "benchmarks" / "results"


@dataclass
class Report:
    """The figures of one benchmark: seconds (or bytes) by what was measured, and ratios of them."""

    name: str
    about: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    ratios: list[tuple[str, float, str]] = field(default_factory=list)

    def add(self, what: str, value: float) -> None:
        """One more measurement of `what`."""
        self.figures.setdefault(what, []).append(value)

    def time(self, what: str, function: Callable[[], object]) -> None:
        """Measure one call, in seconds."""
        started = time.perf_counter()
        function()
        self.add(what, time.perf_counter() - started)

    def ratio(self, what: str, ours: str, other: str, target: str) -> None:
        """Compare two figures by their medians: of runs side by side on the same noisy machine."""
        value = statistics.median(self.figures[ours]) / statistics.median(self.figures[other])
        self.ratios.append((what, value, target))

    def show(self, console: Console) -> None:
        """Print the report and write `benchmarks/results/NAME.json`."""
        table = Table(title=f"{self.name}: {self.about}", title_justify="left")
        for column in ("measured", "min", "median", "max"):
            table.add_column(column, justify="left" if column == "measured" else "right")
        for what, values in self.figures.items():
            shown = (min(values), statistics.median(values), max(values))
            table.add_row(what, *(f"{value:,.2f}" for value in shown))
        console.print(table)
        if self.ratios:
            table = Table(title="ratios of the medians", title_justify="left")
            for column in ("ratio", "value", "target"):
                table.add_column(column, justify="left" if column == "ratio" else "right")
            for what, value, target in self.ratios:
                table.add_row(what, f"{value:,.2f}", target)
            console.print(table)
        RESULTS.mkdir(exist_ok=True)
        document = asdict(self) | machine()
        (RESULTS / f"{self.name}.json").write_text(json.dumps(document, indent=2) + "\n")


def machine() -> dict[str, object]:
    """When, on what, and of which commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
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
    """An embedded Postgres of the benchmark's own, with the settings a user gets, and a folder."""
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"):
        os.environ.pop(name, None)
    with TemporaryDirectory(prefix="fact-events-bench-") as folder:
        os.environ["LOCAL_DIR"] = folder
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


def execute(warehouse: Warehouse, *statements: str) -> list[tuple[object, ...]]:
    """Run statements; the rows of the last one, where it has some."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
