"""`make prune KEEP_DAYS=`: drop what happened before, everywhere."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

from core.command_line import run_command
from core.errors import UserError
from orchestration.home.history import delete_runs
from transform import retention


def prune() -> None:
    """Keep the last KEEP_DAYS UTC days of events, today included; drop what happened before, and
    Dagster's runs of before.

    Raises:
        UserError: KEEP_DAYS is not a positive number, or the build failed.
    """
    value = os.environ.get("KEEP_DAYS", "")
    if not value.isdigit() or int(value) < 1:
        raise UserError(f"KEEP_DAYS={value!r} is not a number of days: give 1 or more")
    try:
        before = datetime.now(UTC).date() - timedelta(days=int(value) - 1)
    except OverflowError as error:
        raise UserError(f"KEEP_DAYS={value} reaches back before the calendar") from error
    retention.prune(before)
    if runs := delete_runs(before):
        print(f"Dagster: {runs} runs from before {before} deleted")


if __name__ == "__main__":
    sys.exit(run_command(prune))
