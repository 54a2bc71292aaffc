"""Loads: announced before their first row lands, live once completed, removed when they died."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection

from core.errors import Unavailable, UserError
from core.warehouse.interruptible import interruptible
from core.warehouse.locks import transaction
from core.warehouse.writable import keep_session

TABLES = ("events", "user_profiles")
# Of a table's rows, dead: then their space is made free. Autovacuum comes once a minute: of 50
# deliveries of a day within it each would add its whole size.
DEAD_SHARE = 0.1
WAIT = "10min"  # for another load of the same source; the longest that we have measured took two


@contextmanager
def lease(db: Connection, source: str, on_wait: Callable[[str], None]) -> Iterator[None]:
    """The sole right to load a source, as long as `db` lives or until the end of the block.

    Args:
        db: an autocommit connection.
        source: the mapping's name.
        on_wait: told, in words, that another process has it.

    Raises:
        Unavailable: the other one has it still after WAIT.
    """
    keep_session(db)
    lock = "hashtextextended('load of ' || %s, 0)"
    with db.cursor() as cursor:
        cursor.execute(f"select pg_try_advisory_lock({lock})", (source,))
        if cursor.fetchone() != (True,):
            on_wait(f"waiting for another load of {source}")
            try:
                cursor.execute("select set_config('lock_timeout', %s, false)", (WAIT,))
                with interruptible():
                    cursor.execute(f"select pg_advisory_lock({lock})", (source,))
            except LockNotAvailable:
                raise Unavailable(
                    f"MAPPING={source!r} is being loaded by another process, for {WAIT} already"
                ) from None
            cursor.execute("reset lock_timeout")
        try:
            yield
        finally:
            if not db.closed:
                cursor.execute(f"select pg_advisory_unlock({lock})", (source,))


def lead(db: Connection, source: str) -> bool:
    """Ask for the right to follow a source, which one process has as long as `db` lives. Others may
    load it meanwhile, between two loads of its.

    Args:
        db: an autocommit connection.
        source: its name.
    """
    keep_session(db)
    with db.cursor() as cursor:
        cursor.execute(
            "select pg_try_advisory_lock(hashtextextended('follow of ' || %s, 0))", (source,)
        )
        return cursor.fetchall() == [(True,)]


def begin_load(db: Connection, load_id: str, source: str, first_day: date, last_day: date) -> None:
    """Announce a load before its first row is written, and hold its lock as long as `db` lives."""
    with db.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (load_id,))
        cursor.execute(
            "insert into raw.loads (load_id, source, first_day, last_day) values (%s, %s, %s, %s)",
            (load_id, source, first_day, last_day),
        )


def remove_dead_loads(db: Connection) -> int:
    """Delete what killed loads left behind. A load is dead when it is not completed and nobody
    holds its lock. Their space is free then. Returns the number of such loads."""
    with db.cursor() as cursor:
        cursor.execute(
            "select load_id, first_day, last_day from raw.loads where completed_at is null"
        )
        dead = 0
        for load_id, first_day, last_day in cursor.fetchall():
            with transaction(db):
                cursor.execute(
                    "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (load_id,)
                )
                if cursor.fetchone() != (True,):
                    continue
                for table in TABLES:
                    cursor.execute(
                        f"""delete from raw.{table}
                        where ingest_date between %s and %s and _dlt_load_id = %s""",
                        (first_day, last_day, load_id),
                    )
                cursor.execute("delete from raw.loads where load_id = %s", (load_id,))
                dead += 1
        if dead:
            # Also of rows that a full disk has broken off: the next load needs their space.
            for table in TABLES:
                cursor.execute(f"vacuum (skip_locked, parallel 0) raw.{table}")
    return dead


def require_all_landed(
    db: Connection, load_id: str, received: Mapping[str, tuple[Sequence[date], int]]
) -> None:
    """Refuse a load of which not exactly the rows that were received have landed.

    Args:
        db: an autocommit connection of its own.
        load_id: of the rows.
        received: by table, the ingest days and the number of the rows.

    Raises:
        UserError: fewer or more have landed.
    """
    for table, (days, rows) in received.items():
        with db.cursor() as cursor:
            # The other core tidies: 1 M rows take 0.15 s so, with a worker 0.22 s.
            cursor.execute("set max_parallel_workers_per_gather = 0")
            cursor.execute(
                f"""select count(*) from raw.{table}
                where ingest_date between %s and %s and _dlt_load_id = %s""",
                (min(days), max(days), load_id),
            )
            [(landed,)] = cursor.fetchall()
        if landed != rows:
            raise UserError(f"load {load_id}: {rows} rows received, {landed} landed")


def tidy(db: Connection, table: str) -> None:
    """After a large load: let the block-range index and the planner know the new rows."""
    with db.cursor() as cursor:
        cursor.execute("select brin_summarize_new_values(%s)", (f"raw.{table}_days",))
        columns = "event_date, ingest_date, user_id" if table == "events" else "user_id"
        cursor.execute(f"analyze raw.{table} ({columns})")


def make_room(db: Connection, table: str, gone: int) -> None:
    """After many rows went: the next ones take their space. 500,000 rows take 0.2 s.

    Args:
        db: an autocommit connection, in no transaction.
        table: "events" or "user_profiles".
        gone: rows that went just now; others are counted by Postgres.
    """
    if not gone:
        return
    with db.cursor() as cursor:
        cursor.execute(
            """select n_dead_tup + %s >= %s * n_live_tup from pg_stat_all_tables
            where relid = %s::regclass""",
            (gone, DEAD_SHARE, f"raw.{table}"),
        )
        if cursor.fetchone() == (True,):
            cursor.execute(f"vacuum (skip_locked, parallel 0) raw.{table}")
