"""`make prune KEEP_DAYS=`: drop what happened before, everywhere."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import date

from commands.settings import KEEP_DAYS
from core.command_line import command, run_command
from core.days import first_kept_day
from core.errors import UserError
from core.warehouse.connection import Warehouse
from ingestion.settings import DRY


@command(KEEP_DAYS, DRY)
def prune() -> None:
    """Keep the last KEEP_DAYS UTC days of events, today included; drop what happened before, and
    Dagster's runs of before.

    \f
    Raises:
        UserError: KEEP_DAYS is not a positive number, or the build failed.
    """
    days = KEEP_DAYS.read()
    try:
        before = first_kept_day(days)
    except OverflowError as error:
        raise UserError(f"KEEP_DAYS={days} reaches back before the calendar") from error
    from core.warehouse.server import warehouse

    (_show if DRY.read() else _prune)(warehouse(), before)


def _show(found: Warehouse, before: date) -> None:
    """What would be deleted, of what is there and built."""
    from commands.receipt import print_counts
    from ingestion.land import retention as landed
    from orchestration.home.history import RUNS, count_runs
    from transform import retention as transformed
    from transform.build import prepare_warehouse

    if not prepare_warehouse(found, is_dry=True):
        print(f"PGDATABASE={found.database} was never used: there is nothing to prune (DRY)")
        return
    with closing(found.connect()) as db:
        there = {
            "ingestion": landed.count_events(db, before),
            "transform": transformed.count_events(found, before),
            "orchestration": {RUNS: count_runs(before)},
        }
    print_counts(there, f"Nothing was deleted (DRY); from before {before} there are", "rows")


def _prune(found: Warehouse, before: date) -> None:
    from commands.receipt import receipt
    from core.progress import Progress
    from ingestion.land import retention as landed
    from orchestration.home.history import RUNS, delete_runs
    from transform import retention as transformed
    from transform.build import prepare_warehouse, transform
    from transform.build_lock import build_lock

    prepare_warehouse(found)
    # Not where they are there: a prune that stopped between raw and facts has left red days, and it
    # is this one that mends them.
    if not transformed.are_built(found):
        transform(found, None, Progress(unit="models and tests"))
    with receipt(found, "prune", f"{before}", f"Pruned: before {before}") as pruned:
        # No build between the two: it would miss the records of days that are still there.
        with build_lock(found), closing(found.connect()) as db:
            pruned.add("ingestion", landed.prune_events(db, before))
            pruned.add("transform", transformed.prune_events(found, before))
        print(transform(found, None, Progress(unit="models and tests")))
        pruned.add("orchestration", {RUNS: delete_runs(before)})


if __name__ == "__main__":
    sys.exit(run_command(prune, prog="python -m commands.prune"))
