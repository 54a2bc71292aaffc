"""Who asked for a run: noted with it."""

from __future__ import annotations

from contextvars import ContextVar
from functools import wraps

import dagster as dg
from dagster_postgres import DagsterPostgresStorage

TAG = "launched_by"
# Of the request that is being answered; "" where no proxy says who asks.
launched_by: ContextVar[str] = ContextVar("launched_by", default="")


def tag_runs(storage: DagsterPostgresStorage) -> None:
    """Give each run that a request makes the tag of who asks."""
    add = storage.run_storage.add_run

    @wraps(add)
    def added(run: dg.DagsterRun) -> dg.DagsterRun:
        who = launched_by.get()
        return add(run.with_tags({**run.tags, TAG: who}) if who else run)

    setattr(storage.run_storage, "add_run", added)  # noqa: B010 - a method, for mypy
