"""`make backfill FROM= TO=`: ingest and transform a range of days as one Dagster run."""

import sys

import dagster as dg

from core.command_line import run_command
from core.days import DayRange
from core.errors import UserError
from core.settings import optional_range
from ingestion.demo import demo_source
from ingestion.settings import IngestSettings
from orchestration.home.dagster_home import prepare_home
from transform.build import prepare_warehouse

# Dagster's own names for the tags of a run over a range of partitions.
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def backfill() -> None:
    """Materialize every asset for FROM to TO; UserError where a setting is wrong or a run fails."""
    days = optional_range()
    if days is None:
        raise UserError("FROM is not set: give the first UTC day to backfill, FROM=YYYY-MM-DD")
    with demo_source():
        IngestSettings.from_env(days)  # a wrong setting is said before anything starts
        prepare_warehouse()
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            succeeded = run_range(days, instance)
    if not succeeded:
        raise UserError(f"FROM={days.start} TO={days.last}: the Dagster run failed, see above")
    print(f"backfilled {days}: one run, {len(days)} day{'s' if len(days) > 1 else ''}")


def run_range(
    days: DayRange, instance: dg.DagsterInstance, defs: dg.Definitions | None = None
) -> bool:
    """Materialize everything of the days as one run of this process. True if it succeeded. A range
    whose last run was killed goes on where it stopped. `defs`: others than the code location's."""
    # After the settings are checked: this reads them, and takes seconds.
    from orchestration import automation, definitions

    defs, along = defs or definitions.defs, {automation.CELLS_ALONG: "true"}
    tags = {RANGE_START: f"{days.start}", RANGE_END: f"{days.last}", **along}
    job, graph = defs.resolve_job_def("days"), defs.resolve_asset_graph()
    done = _steps_done(instance, dg.RunsFilter(job_name="days", tags=tags))
    keys = job.asset_layer.executable_asset_keys
    left = [key for key in keys if graph.get(key).assets_def.op.name not in done]
    run = job.execute_in_process(
        instance=instance,
        tags=tags,
        asset_selection=left if done and left else None,
        run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
        raise_on_error=False,
    )
    return run.success


def _steps_done(instance: dg.DagsterInstance, like: dg.RunsFilter) -> set[str]:
    """The steps that had succeeded when the last run like this one was killed. None after one that
    came to an end: whoever repeats that wants it all anew."""
    runs = instance.get_runs(like, limit=1)
    kind, killed = dg.DagsterEventType.STEP_SUCCESS, [r.run_id for r in runs if not r.is_finished]
    return {f"{e.step_key}" for each in killed for e in instance.all_logs(each, of_type=kind)}


if __name__ == "__main__":
    sys.exit(run_command(backfill))
