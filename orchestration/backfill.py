"""`make backfill FROM= TO=`: ingest and transform a range of days as one Dagster run."""

from __future__ import annotations

import sys

import dagster as dg

from commands.transform import prepare_warehouse
from ingestion.cli import run_command
from ingestion.days import DayRange
from ingestion.demo import demo_source
from ingestion.errors import UserError
from ingestion.settings import IngestSettings, optional_range
from orchestration.instance import prepare_home

# Dagster's own names for the tags of a run over a range of partitions.
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def backfill() -> None:
    """Materialize every asset for FROM to TO.

    Raises:
        UserError: a setting is wrong, or the run failed.
    """
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
    print(f"backfilled {days}: one run, {len(days)} days")


def run_range(days: DayRange, instance: dg.DagsterInstance) -> bool:
    """Materialize every asset for the days as one run of this process. True if it succeeded.

    `dagster asset materialize` does the same from a cold process of its own.
    """
    from orchestration.definitions import defs  # needs the manifest: after the settings are checked

    run = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        tags={RANGE_START: str(days.start), RANGE_END: str(days.last)},
        run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
        raise_on_error=False,
    )
    return run.success


if __name__ == "__main__":
    sys.exit(run_command(backfill))
