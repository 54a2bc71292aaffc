"""Transactions on autocommit connections, and the lock under which raw changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection

# Any constant: "one process at a time migrates, creates or completes", see pg_advisory_xact_lock.
# dbt has the same number, in dbt/macros/days/migrate.sql.
LOAD_LOCK = 0x7261775F  # "raw_"


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """One transaction on an autocommit connection."""
    with db.cursor() as cursor:
        cursor.execute("begin")
        try:
            yield
        except BaseException:
            if not db.closed:
                cursor.execute("rollback")
            raise
        cursor.execute("commit")


@contextmanager
def exclusively(db: Connection) -> Iterator[None]:
    """A transaction during which no other process migrates, makes tables in `raw`, or completes a
    load."""
    with transaction(db), db.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
        yield
