"""A range of days as one Dagster run of this process; one that was killed is resumed."""

import dagster as dg

from core.days import DayRange
from core.errors import UserError
from orchestration.home.life import GONE
from orchestration.range_tags import range_tags


def run_range(
    days: DayRange, instance: dg.DagsterInstance, defs: dg.Definitions | None = None
) -> bool:
    """Materialize everything of the days as one run of this process; True if it succeeded.

    One whose last run was killed goes on where that stopped.

    Args:
        days: the UTC days.
        instance: whose history the run is written to, and read.
        defs: others than the code location's.

    Raises:
        KeyboardInterrupt: it was cancelled.
        UserError: one of the days has no partition.
    """
    # Not before it is asked for: that takes seconds.
    from orchestration import definitions
    from orchestration.lost_runs import fail_lost_runs

    _require_partitions(days)
    defs = defs or definitions.defs
    fail_lost_runs(instance)
    tags = range_tags(days)
    job = defs.resolve_job_def("days")
    graph = defs.resolve_asset_graph()
    done = _steps_done(instance, dg.RunsFilter(job_name="days", tags=tags))
    keys = job.asset_layer.executable_asset_keys
    left = [key for key in keys if graph.get(key).assets_def.op.name not in done]
    run = job.execute_in_process(
        instance=instance,
        tags=tags,
        asset_selection=(done and left) or None,
        raise_on_error=False,
    )
    if run.dagster_run.status == dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    return run.success


def _require_partitions(days: DayRange) -> None:
    from orchestration.partitions import FIRST, has_partition  # asks the warehouse

    if not has_partition(days.start):
        raise UserError(f"FROM={days.start} is before PARTITIONS_START={FIRST}")
    if not has_partition(days.last):
        raise UserError(f"TO={days.last} has not begun: no UTC day after today has a partition")


def _steps_done(instance: dg.DagsterInstance, like: dg.RunsFilter) -> set[str]:
    """The steps that had succeeded when the last run like this one was killed.

    None after one that came to an end: whoever repeats that wants it all anew.
    """
    runs = instance.get_runs(like, limit=1)
    # A run that is tried again inherits the tag of the one before: it says which run was meant.
    if not runs or (runs[0].is_finished and runs[0].tags.get(GONE) != runs[0].run_id):
        return set()
    ended = instance.all_logs(runs[0].run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return {f"{entry.step_key}" for entry in ended}
