"""`make prune KEEP_DAYS=`: drop what happened before, everywhere."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from commands.settings import KEEP_DAYS
from core.command_line import command, run_command
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
        before = datetime.now(UTC).date() - timedelta(days=days - 1)
    except OverflowError as error:
        raise UserError(f"KEEP_DAYS={days} reaches back before the calendar") from error
    from orchestration.home.history import delete_runs
    from transform import retention

    retention.prune(before)
    if runs := delete_runs(before):
        print(f"Dagster: {runs} runs from before {before} deleted")


if __name__ == "__main__":
    sys.exit(run_command(prune, prog="python -m commands.prune"))
