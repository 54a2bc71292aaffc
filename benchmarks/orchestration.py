"""What Dagster costs on top of dbt: `python -m benchmarks.orchestration`.

One day of the demo's events is rebuilt REPEATS times by a bare `dbt build` and by a Dagster run of
the same models, in turns: inside one loaded process, and each from a cold command. Prints the
medians in seconds and their ratio, and how long the code location takes to load.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dbt.cli.main import dbtRunner
from rich.console import Console
from rich.table import Table

from commands.project import LOCATION
from commands.transform import build_arguments
from ingestion.days import parse_range
from ingestion.demo.server import running
from ingestion.ingest import ingest
from ingestion.progress import Progress
from ingestion.settings import ROOT, IngestSettings
from ingestion.warehouse import start_embedded, stop_embedded

DAY = "2026-03-02"
REPEATS = int(os.environ.get("REPEATS") or 5)
DBT = [*build_arguments(parse_range(DAY, DAY)), *LOCATION, "--exclude", "regional_daily_events"]
RUN = """
from benchmarks.orchestration import dagster_run
dagster_run()
"""


def dagster_run() -> None:
    """The day's dbt models as a Dagster run of this process, its history in DAGSTER_HOME."""
    with dg.DagsterInstance.get() as instance:
        _run(instance)


def dagster_run_in_memory() -> None:
    """The same, its history in memory: without some 120 commits to SQLite."""
    with dg.DagsterInstance.ephemeral() as instance:
        _run(instance)


def _run(instance: dg.DagsterInstance) -> None:
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    models = [key for key in graph.materializable_asset_keys if "dbt" in graph.get(key).kinds]
    result = defs.resolve_job_def("days").execute_in_process(
        partition_key=DAY,
        instance=instance,
        asset_selection=[key for key in models if key.path[-1] != "regional_daily_events"],
        run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
    )
    assert result.success  # noqa: S101 - a benchmark of a failed run is none


def dbt_build() -> None:
    """The same by dbt alone, in this process."""
    assert dbtRunner().invoke([*DBT, "--log-level", "none"]).success  # noqa: S101


def _cold(*command: str) -> Callable[[], None]:
    def run() -> None:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    return run


def compare(title: str, ours: Callable[[], None], bare: Callable[[], None]) -> tuple[str, ...]:
    """Both in turns, after one of each that does not count."""
    times: dict[Callable[[], None], list[float]] = {ours: [], bare: []}
    for repeat in range(REPEATS + 1):
        for each in (ours, bare):
            started = time.perf_counter()
            each()
            if repeat:
                times[each].append(time.perf_counter() - started)
    first, second = statistics.median(times[ours]), statistics.median(times[bare])
    return title, f"{first:.2f}", f"{second:.2f}", f"{first / second:.2f}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fact-events-bench-") as local, running() as api:
        os.environ |= {"LOCAL_DIR": local, "DAGSTER_HOME": f"{local}/dagster"}
        (Path(local) / "dagster").mkdir()
        (Path(local) / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}")
        os.environ.update(start_embedded().libpq_env())
        settings = IngestSettings(parse_range(DAY, DAY), "api", "canonical", api.url, "", api.token)
        ingest(settings, start_embedded(), Progress())
        table = Table(title=f"Rebuilding one day, medians of {REPEATS}, seconds")
        for name in ("", "Dagster run", "dbt build", "ratio"):
            table.add_column(name, justify="left" if not name else "right")
        table.add_row(*compare("in a loaded process", dagster_run_in_memory, dbt_build))
        table.add_row(*compare("the same, history on disk", dagster_run, dbt_build))
        python, dbt = sys.executable, str(Path(sys.executable).with_name("dbt"))
        table.add_row(*compare("cold command", _cold(python, "-c", RUN), _cold(dbt, *DBT)))
        loading = _cold(python, "-c", "import orchestration.definitions")
        nothing = _cold(python, "-c", "import dagster_dbt")
        table.add_row(*compare("loading the code location / dagster_dbt", loading, nothing))
        Console().print(table)
        stop_embedded()
