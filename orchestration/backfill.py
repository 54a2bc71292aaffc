"""`make backfill FROM= TO=`: ingest and transform a range of days as one Dagster run."""

from __future__ import annotations

import os
import sys

from core.command_line import command, run_command
from core.errors import UserError
from core.settings import RangeSettings, optional_range
from ingestion.settings import SOURCE_NAME, IngestSettings, named_sources
from orchestration.settings import orchestration_settings


@command(RangeSettings, IngestSettings)
def backfill() -> None:
    """Materialize every asset for FROM to TO.

    \f
    Raises:
        UserError: a setting is wrong, or the run fails.
    """
    orchestration_settings()
    days = optional_range()
    if days is None:
        raise UserError("FROM is not set: give the first UTC day to backfill, FROM=YYYY-MM-DD")
    from ingestion.demo_source import demo_source

    with demo_source():
        for source in named_sources() or [SOURCE_NAME.read()]:
            # A wrong setting is said before anything starts.
            IngestSettings.from_env(days, os.environ | {SOURCE_NAME.name: source})
        import dagster as dg

        from core.warehouse.server import warehouse
        from orchestration.home.prepare import prepare_home
        from orchestration.ranges import run_range
        from transform.build import prepare_warehouse

        prepare_warehouse(warehouse())
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            succeeded = run_range(days, instance)
    if not succeeded:
        raise UserError(f"FROM={days.start} TO={days.last}: the Dagster run failed, see above")
    print(f"backfilled {days}: one run, {len(days)} day{'s' if len(days) > 1 else ''}")


if __name__ == "__main__":
    sys.exit(run_command(backfill, prog="python -m orchestration.backfill"))
