"""`make roles`: group roles, each of which may do its part in the warehouse, and no more."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from commands.settings import ROLE_PREFIX
from core.command_line import command, run_command
from core.errors import UserError
from core.migrations import prepare
from core.warehouse.connection import Warehouse, postgres_errors
from core.warehouse.locks import exclusively
from core.warehouse.server import warehouse
from ingestion.settings import DRY
from transform.build_lock import build_lock

MISSING = Path(__file__).with_suffix(".sql")
# A table that somebody reads for longer cannot change hands now: other readers would queue.
LOCK_TIMEOUT = "10s"


@command(ROLE_PREFIX, DRY)
def roles() -> None:
    """Create the group roles of the warehouse, or bring them up to date: the SQL is printed first.
    Logins are yours: create role anna login in role fact_events_reader.

    \f
    Raises:
        UserError: the login may not do that, or somebody reads a table that is to change hands.
    """
    found, is_dry = warehouse(), DRY.read()
    with closing(found.connect()) as db:
        if not prepare(db, is_dry):
            raise UserError(
                f"DRY=1 changes nothing, and PGDATABASE={found.database} was never used: "
                "make its tables first (make up)"
            )
        if is_dry:
            _show(_missing(db))
            return
    # Builds make and drop what changes hands here; so do loads, the first ones.
    with build_lock(found), closing(found.connect()) as db:
        with postgres_errors(found, "make roles"), exclusively(db):
            _apply(found, db)


def _apply(found: Warehouse, db: Connection) -> None:
    statements = _missing(db)
    _show(statements)
    _require_create_role(found, db, statements)
    with db.cursor() as cursor:
        cursor.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
        for statement in statements:
            cursor.execute(statement)


def _missing(db: Connection) -> list[str]:
    """The statements that are still to be executed."""
    query = sql.SQL(MISSING.read_text()).format(prefix=sql.Literal(ROLE_PREFIX.read()))
    with db.cursor() as cursor:
        cursor.execute(query)
        return [statement for (statement,) in cursor.fetchall()]


def _show(statements: list[str]) -> None:
    print("\n".join(f"{each};" for each in statements) or "-- nothing to change")


def _require_create_role(found: Warehouse, db: Connection, statements: list[str]) -> None:
    with db.cursor() as cursor:
        cursor.execute(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        )
        [(may_create,)] = cursor.fetchall()
    if not may_create and any(each.startswith("create role ") for each in statements):
        raise UserError(
            f"PGUSER={found.user} may not create roles: give it CREATEROLE, or give the SQL of "
            "make roles DRY=1 to somebody who may; nothing has changed"
        )


if __name__ == "__main__":
    sys.exit(run_command(roles, prog="python -m commands.roles"))
