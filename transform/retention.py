"""Taking records out of every table: what is older than a day, and all of a user."""

from __future__ import annotations

import json
from datetime import date

from dbt.cli.main import dbtRunner

from core.errors import UserError
from core.progress import Progress
from core.warehouse.server import warehouse
from transform.build import prepare_warehouse, transform
from transform.build_lock import build_lock
from transform.project import LOCATION


def prune(before: date) -> None:
    """Drop all events that happened before a UTC day; UserError where a build fails."""
    _operate("prune", before=str(before))


def forget(user: str) -> None:
    """Delete every trace of a user: raw, quarantine, profile history, facts; UserError where a
    build fails."""
    _operate("forget", user=user)


def _operate(operation: str, **arguments: str) -> None:
    """Run one of dbt/macros/operations, then build the days that it touched."""
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
