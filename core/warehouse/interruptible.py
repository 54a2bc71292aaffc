"""Queries that Ctrl-C ends. psycopg2 waits for an answer in C, where Python sees no signal."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import (
    POLL_OK,
    POLL_READ,
    POLL_WRITE,
    get_wait_callback,
    set_wait_callback,
)
from psycopg2.extensions import connection as Connection


@contextmanager
def interruptible() -> Iterator[None]:
    """While the body runs, an exception that a signal raises cancels the query that is waited for,
    in Postgres too. There is no COPY meanwhile: psycopg2 knows none that waits so.

    Only the main thread sees signals. In another one this does nothing: the callback is of all
    threads, and one that connects while it goes fails ("wait callback not available")."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = get_wait_callback()
    set_wait_callback(_wait)
    try:
        yield
    finally:
        set_wait_callback(before)


def _wait(db: Connection) -> None:
    """Until an answer is there. psycopg2's own `wait_select` makes an error of the query of it."""
    try:
        while (state := db.poll()) != POLL_OK:
            reads = [db.fileno()] if state == POLL_READ else []
            writes = [db.fileno()] if state == POLL_WRITE else []
            select.select(reads, writes, [])
    except (KeyboardInterrupt, SystemExit):
        db.cancel()
        raise
