"""Whether the process of a run lives: while it does, it holds a lock in the history's database.

Dagster watches a run only from the code server that started it. A run whose process died with that
server would be STARTED for ever, and all that waits for it would wait too.
"""

from __future__ import annotations

import os
import socket
from functools import wraps
from typing import Any

import dagster as dg
from dagster_postgres import DagsterPostgresStorage

from core.warehouse.held_locks import HeldLocks, is_free

# A run's tag: the host and the process that has its lock. Runs without it are not judged.
PROCESS = "fact-events/process"
# Of a run whose process was gone: why it failed is no reason not to go on where it stopped.
GONE = "fact-events/process-gone"
_ENDS = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)


def show_life(storage: DagsterPostgresStorage, url: str) -> None:
    """Make this process hold the lock of each run that it runs, from its first event to its last.

    Args:
        storage: of this process; its event log is told of each event first.
        url: of the history's database, as libpq takes it.
    """
    held = HeldLocks(url)
    store = storage.event_log_storage.store_event

    @wraps(store)
    def stored(event: dg.EventLogEntry) -> Any:
        if event.dagster_event_type == dg.DagsterEventType.RUN_START:
            held.take(_lock(event.run_id))
            owner = {PROCESS: f"{socket.gethostname()} {os.getpid()}"}
            storage.run_storage.add_run_tags(event.run_id, owner)
        result = store(event)
        if event.dagster_event_type in _ENDS:
            held.give_back(_lock(event.run_id))
        return result

    setattr(storage.event_log_storage, "store_event", stored)  # noqa: B010 - a method, for mypy


def is_gone(url: str, run_id: str) -> bool:
    """Whether no process has the lock of a run: see `is_free`."""
    return is_free(url, _lock(run_id))


def _lock(run_id: str) -> str:
    return f"run {run_id}"
