"""What a small ingestion costs in all: `python -m benchmarks.startup`.

ROWS (500) events of one day as one file, landed by a process of its own, which imports everything
anew. Beside it the same process without our code: the libraries alone, imported.
"""

from __future__ import annotations

import sys

from rich.console import Console

from benchmarks import process
from benchmarks.ingest import command, empty, events
from benchmarks.measure import Report, new_database, own_server
from benchmarks.settings import BenchmarkSettings
from core.settings import read_settings

ROWS = read_settings(BenchmarkSettings).rows or 500
SMALL = "a small ingestion, the whole command"
AGAIN = "the same day again"
LIBRARIES = "importing dlt, DuckDB, PyArrow and psycopg2, the whole process"
IMPORTS = "import dlt, dlt.destinations, duckdb, pyarrow.parquet, psycopg2"
HELP = "python -m ingestion --help"


def main() -> None:
    """Measure and print it."""
    report = Report("startup", f"{ROWS:,} events of one day, a process each, seconds")
    with own_server() as folder:
        warehouse = new_database("startup")
        template = events(folder / "small", ROWS)
        empty(warehouse)
        command(template)  # byte code is compiled, the embedded server is warm
        report.in_turns(
            {
                LIBRARIES: lambda: process.run(sys.executable, "-c", IMPORTS),
                HELP: lambda: process.run(sys.executable, "-m", "ingestion", "--help"),
                AGAIN: lambda: command(template),
            },
            before=lambda: None,
        )
        report.in_turns({SMALL: lambda: command(template)}, before=lambda: empty(warehouse))
    report.limit("a small ingestion in all, seconds", SMALL, "≤ 0.8")
    report.ratio("a small ingestion ÷ importing its libraries", SMALL, LIBRARIES)
    report.show(Console())


if __name__ == "__main__":
    main()
