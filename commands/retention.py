"""`make prune KEEP_DAYS=` and `make forget USER=`: take records out of every table."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta

from dbt.cli.main import dbtRunner

from commands.build_lock import build_lock
from commands.project import LOCATION
from commands.transform import prepare_warehouse, transform
from core.command_line import run_command
from core.errors import UserError
from core.progress import Progress
from core.warehouse.server import warehouse


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
    _operate("prune", before=str(before))
    from commands.history import delete_runs  # imports Dagster, 1 s

    if runs := delete_runs(before):
        print(f"Dagster: {runs} runs from before {before} deleted")


def forget() -> None:
    """Delete every trace of the user USER: raw, quarantine, profile history, facts.

    Every shell has a USER, the person at it: only the one on make's command line is meant.

    Raises:
        UserError: USER is not given, or the build failed.
    """
    user = os.environ.get("USER", "")
    if os.environ.get("USER_FROM") != "command line" or not user:
        raise UserError("USER is not given: name the user to forget, make forget USER=...")
    _operate("forget", user=user)


def _operate(operation: str, **arguments: str) -> None:
    """Run one of dbt/macros/retention.sql, then build the days that it touched."""
    prepare_warehouse()
    transform(None, Progress(unit="models and tests"))  # the tables exist and are up to date
    with build_lock(warehouse()):
        outcome = dbtRunner().invoke(
            ["run-operation", operation, "--args", json.dumps(arguments), "--quiet", *LOCATION]
        )
    if not outcome.success:
        reason = " ".join(str(outcome.exception or "see above").split())
        raise UserError(f"{operation} {arguments}: {reason}")
    print(transform(None, Progress(unit="models and tests")))


if __name__ == "__main__":
    sys.exit(run_command({"prune": prune, "forget": forget}[sys.argv[1]]))
