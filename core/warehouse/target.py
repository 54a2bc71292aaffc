"""Whose schemas are built: production's, or with TARGET=dev a developer's own.

dbt has the same rules, for where it is called by itself: profiles/profiles.yml and
dbt/macros/ours/target.sql.
"""

from __future__ import annotations

import re

from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.settings import DEV_NAME, TARGET
from core.warehouse.marks import mark

DEV = "dev"
_LONGEST = 40  # of 63 that Postgres keeps


def is_dev() -> bool:
    """Whether a developer's own schemas are built."""
    return TARGET.read() == DEV


def schema_of(name: str) -> str:
    """What a schema of the project (raw, staging, intermediate, analytics) is called now.

    Raises:
        UserError: TARGET=dev, and nobody says whose.
    """
    if not is_dev():
        return name
    whose = DEV_NAME.read()
    if not whose:
        raise UserError("DEV_NAME is not set: TARGET=dev builds the schemas dev_<name>_analytics …")
    return f"dev_{re.sub('[^a-z0-9]+', '_', whose.lower())[:_LONGEST]}_{name}"


def require_target(db: Connection) -> None:
    """Refuse to write raw or what is built of it for all: with TARGET=dev, and in a database that
    is marked for another target.

    Args:
        db: an autocommit connection; the schema has marks.

    Raises:
        UserError: one of these.
    """
    if is_dev():
        raise UserError(
            "TARGET=dev writes schemas of your own alone: by make transform, test-data and dbt"
        )
    only, target = mark(db, "target", "only"), TARGET.read()
    if only and only != target:
        raise UserError(
            f"PGDATABASE={db.info.dbname} is marked for TARGET={only}, and this is "
            f"TARGET={target}: give TARGET={only}, or TARGET=dev for schemas of your own"
        )


def developers(db: Connection) -> list[str]:
    """What the schemas of developers begin with, `dev_anna`: copies of what raw had when they were
    built last.

    Args:
        db: a connection.
    """
    with db.cursor() as cursor:
        cursor.execute(
            """select substring(nspname from '^(dev_.+)_intermediate$') from pg_namespace
            inner join pg_class on relnamespace = pg_namespace.oid and relname = 'built_days'
            where nspname ~ '^dev_.+_intermediate$' order by 1"""
        )
        return [name for (name,) in cursor.fetchall()]
