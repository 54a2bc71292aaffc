"""What a server must allow before anything is written to it, and how a session is kept."""

from __future__ import annotations

from contextlib import closing

from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.warehouse.connection import connect


def require_writable(db: Connection) -> None:
    """Refuse a server that writes nothing, or one whose connections are no sessions.

    Args:
        db: an autocommit connection.

    Raises:
        UserError: it is a standby, read-only, or a pooler that gives each transaction another
            session.
    """
    info = db.info
    where = f"PGHOST={info.host} PGDATABASE={info.dbname}"
    with db.cursor() as cursor:
        cursor.execute(
            "select pg_is_in_recovery(), current_setting('transaction_read_only'), pg_backend_pid()"
        )
        [(is_standby, is_read_only, backend)] = cursor.fetchall()
    if is_standby:
        raise UserError(
            f"{where} is a standby: nothing can be written there; of a list of hosts, "
            "PGTARGETSESSIONATTRS=read-write takes the primary"
        )
    if is_read_only == "on":
        raise UserError(
            f"{where} is read-only for PGUSER={info.user}: default_transaction_read_only is on"
        )
    # A pooler answers for itself, by a number of its own.
    if backend != info.backend_pid and _shares_sessions(db):
        raise UserError(
            f"{where} is a pooler in transaction mode (PgBouncer's pool_mode): loads and builds "
            "hold locks of a session; give them the server itself, or pool_mode=session"
        )


def _shares_sessions(db: Connection) -> bool:
    """Whether, with this connection open, another one gets the same session; or this one, with the
    other in a transaction, another session than before."""
    host = {name: db.info.dsn_parameters[name] for name in ("host", "port", "user", "dbname")}
    with closing(connect(f"PGHOST={host['host']}", **host, password=db.info.password)) as other:
        other.autocommit = False
        mine = _backend(db)
        return _backend(other) == mine or _backend(db) != mine


def _backend(db: Connection) -> int:
    with db.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        [(number,)] = cursor.fetchall()
        return int(number)


def keep_session(db: Connection) -> None:
    """Let a session that holds a lock idle for as long as it takes, whatever the server's
    idle_session_timeout is: while a source is read, or dbt builds, nothing is said in it."""
    with db.cursor() as cursor:
        cursor.execute("select set_config('idle_session_timeout', '0', false)")
