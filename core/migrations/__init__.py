"""The schema's version: numbered SQL files, each run once, by whoever comes first.

dbt runs the same files, as macros, where it comes first (dbt/macros/days/migrate.sql).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg2.errors import DependentObjectsStillExist, DuplicateTable, RaiseException
from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.warehouse.locks import exclusively
from core.warehouse.target import require_target
from core.warehouse.writable import require_writable

_WITH_MARKS = 2


@cache
def migrations() -> dict[int, Path]:
    """The migrations that this program has, by number, in their order."""
    files = sorted(Path(__file__).parent.glob("[0-9]*.sql"))
    return {int(file.stem.split("_")[0]): file for file in files}


def schema_version(db: Connection) -> int:
    """The number of the last migration that has run in this database; 0 for none."""
    with db.cursor() as cursor:
        # Not to_regclass: within a transaction it may not see a table that another has just made.
        # A table of that name may be somebody else's.
        cursor.execute(
            """select from pg_attribute
            inner join pg_class on pg_class.oid = attrelid
            inner join pg_namespace on pg_namespace.oid = relnamespace
            where nspname = 'raw' and relname = 'schema_migrations' and attname = 'applied_at'"""
        )
        if cursor.fetchone() is None:
            return 0
        cursor.execute("select coalesce(max(version), 0) from raw.schema_migrations")
        [(version,)] = cursor.fetchall()
    return int(version)


def prepare(db: Connection, is_dry: bool) -> bool:
    """Migrate; of who only looks (`DRY`), find out whether there is a schema at all.

    Args:
        db: an autocommit connection.
        is_dry: nothing may be changed.

    Returns:
        Whether there is a schema: false only for who looks at a database that was never used.

    Raises:
        UserError: as `migrate` says; or the schema is older, and nothing may be changed.
    """
    if not is_dry:
        migrate(db)
        return True
    newest, version = max(migrations()), schema_version(db)
    if 0 < version < newest:
        raise UserError(
            f"DRY=1 changes nothing, and PGDATABASE={db.info.dbname} has version {version} of the "
            f"schema, this program needs {newest}: migrate it first (make up)"
        )
    _refuse_newer(db, version)
    return version > 0


def migrate(db: Connection) -> None:
    """Bring the schema of a server that is written to this program's version. With nothing to do no
    lock is taken.

    Args:
        db: an autocommit connection.

    Raises:
        UserError: nothing can be written there, or not with this TARGET; the schema is newer than
            this program, or something of somebody else's is in the way. Nothing has changed then.
    """
    require_writable(db)
    version = schema_version(db)
    if version >= _WITH_MARKS:
        require_target(db)
    _refuse_newer(db, version)
    if version == max(migrations()):
        return
    with exclusively(db):
        done = schema_version(db)
        for number, file in migrations().items():
            if number > done:
                _run(db, number, file)


def _refuse_newer(db: Connection, version: int) -> None:
    if version > (newest := max(migrations())):
        raise UserError(
            f"PGDATABASE={db.info.dbname} has version {version} of the schema, this program knows "
            f"{newest}: use a newer fact-events"
        )


def _run(db: Connection, number: int, file: Path) -> None:
    """One migration. UserError where what is somebody else's is in its way, or stands on what it
    replaces."""
    with db.cursor() as cursor:
        try:
            cursor.execute(file.read_text())
        except DependentObjectsStillExist as error:
            raise UserError(
                f"PGDATABASE={db.info.dbname} cannot be migrated ({file.stem}): "
                f"{error.diag.message_detail}; "
                "drop it, and create it again afterwards"
            ) from None
        except (DuplicateTable, RaiseException) as error:
            raise UserError(
                f"PGDATABASE={db.info.dbname} cannot be migrated ({file.stem}): "
                f"{error.diag.message_primary}"
            ) from None
        cursor.execute(
            "insert into raw.schema_migrations (version, name) values (%s, %s)",
            (number, file.stem.split("_", 1)[1]),
        )
