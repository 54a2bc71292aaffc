"""`make prune KEEP_DAYS=`: drop what happened before, everywhere."""

from __future__ import annotations

import sys
from contextlib import closing

from commands.settings import KEEP_DAYS
from core.command_line import command, run_command
from core.days import first_kept_day
from core.errors import UserError


@command(KEEP_DAYS)
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
    from commands.receipt import receipt
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.land import retention as landed
    from orchestration.home.history import delete_runs
    from transform import retention as transformed
    from transform.build import transform
    from transform.build_lock import build_lock

    found = warehouse()
    # The tables exist, and are up to date.
    transform(found, None, Progress(unit="models and tests"))
    with receipt(f"Pruned: before {before}") as deleted:
        # No build between the two: it would miss the records of days that are still there.
        with build_lock(found), closing(found.connect()) as db:
            deleted["ingestion"] = landed.prune_events(db, before)
            deleted["transform"] = transformed.prune_events(found, before)
        print(transform(found, None, Progress(unit="models and tests")))
        deleted["orchestration"] = {"Dagster's runs": delete_runs(before)}


if __name__ == "__main__":
    sys.exit(run_command(prune, prog="python -m commands.prune"))
