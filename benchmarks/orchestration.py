"""What Dagster costs on top of dbt: `python -m benchmarks.orchestration`.

One day of the demo's events is rebuilt by a bare `dbt build` and by a Dagster run of the same
models, in turns: inside a loaded process, and each as a cold command. The loaded dbt is bare in a
process of its own (benchmarks/bare_dbt.py). In Dagster's it is faster: this project sets how
often Python looks for garbage. Dagster keeps its history where `make backfill` does.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dbt.cli.main import dbtRunner
from rich.console import Console

from benchmarks import process
from benchmarks.measure import Report, new_database, own_server
from core.days import parse_range
from core.progress import Progress
from ingestion.demo.server import running
from ingestion.ingest import ingest
from ingestion.settings import IngestSettings
from orchestration.home.prepare import prepare_home
from transform.build import build_arguments
from transform.project import LOCATION

DAY = "2026-03-02"
ALONG = ("regional_daily_events", "weekly_active_users")  # of other partitions than days
DBT = [*build_arguments(parse_range(DAY, DAY)), *LOCATION, "--exclude", *ALONG]


def cold_run() -> None:
    """The day's dbt models as this process's first Dagster run, its history in DAGSTER_HOME."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        dagster_run(instance)


def dagster_run(instance: dg.DagsterInstance) -> None:
    """The day's dbt models as a Dagster run of this process."""
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    models = [key for key in graph.materializable_asset_keys if "dbt" in graph.get(key).kinds]
    result = defs.resolve_job_def("days").execute_in_process(
        partition_key=DAY,
        instance=instance,
        asset_selection=[key for key in models if key.path[-1] not in ALONG],
        run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
    )
    assert result.success  # noqa: S101 - a benchmark of a failed run is none


def dbt_build() -> None:
    """The same by dbt alone, but in this process."""
    assert dbtRunner().invoke([*DBT, "--log-level", "none"]).success  # noqa: S101


def cold(*command: str) -> Callable[[], object]:
    """A command in a process of its own."""
    return lambda: process.run(*command)


def _loaded(report: Report) -> None:
    """In a process that has imported everything, with another that keeps dbt."""
    bare = (sys.executable, "-m", "benchmarks.bare_dbt", *DBT)
    with dg.DagsterInstance.get() as instance, process.kept(*bare) as bare_build:
        report.in_turns(
            {
                "Dagster, loaded": lambda: dagster_run(instance),
                "dbt, loaded": bare_build,
                "dbt, loaded, in Dagster's process": dbt_build,
            },
            before=gc.collect,  # or one is charged with what the other has left
            warm_up=True,
        )


def _cold(report: Report) -> None:
    """As commands, each from its start."""
    python = sys.executable
    dbt = str(Path(python).with_name("dbt"))
    report.in_turns(
        {
            "code location": cold(python, "-c", "import orchestration.definitions"),
            "import of dagster_dbt alone": cold(python, "-c", "import dagster_dbt"),
        },
        warm_up=True,
    )
    run = "from benchmarks.orchestration import cold_run; cold_run()"
    report.in_turns({"Dagster, cold": cold(python, "-c", run), "dbt, cold": cold(dbt, *DBT)})


def measure() -> Report:
    """The figures, in seconds."""
    report = Report("orchestration", f"rebuilding {DAY}, some 2,300 events, seconds")
    with own_server(), running() as api:
        warehouse = new_database("orchestration")
        days = parse_range(DAY, DAY)
        settings = IngestSettings(days, "api", "canonical", api.url, "", api.token)
        ingest(settings, warehouse, Progress())
        prepare_home()
        _loaded(report)
        _cold(report)
    for tool in ("Dagster", "dbt"):
        loaded = report.median(f"{tool}, loaded")
        for seconds in report.figures[f"{tool}, cold"]:
            report.add(f"{tool}, start-up of a day's run", seconds - loaded)
    report.ratio("Dagster ÷ dbt, in a loaded process", "Dagster, loaded", "dbt, loaded", "≤ 1.3")
    report.ratio(
        "Dagster ÷ dbt, both in one process",
        "Dagster, loaded",
        "dbt, loaded, in Dagster's process",
    )
    report.ratio("Dagster ÷ dbt, cold command", "Dagster, cold", "dbt, cold", "≤ 2")
    report.limit("code location, seconds to load", "code location", "≤ 4 s")
    return report


if __name__ == "__main__":
    measure().show(Console())
