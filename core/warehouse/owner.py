"""What is made belongs to the group that owns the schema: then every member may change it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from core.warehouse.connection import Warehouse


def as_owner(warehouse: Warehouse, schema: str) -> Warehouse:
    """The warehouse, for who makes tables in a schema: as the group role that owns it, where
    `make roles` has made one and the login may be it; else as the login.

    A login that has taken another role by itself keeps that. One with a blank in its name is left
    alone: dlt's URL loses blanks (`Warehouse.url`).

    Args:
        warehouse: where.
        schema: its name; there may be none yet.
    """
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(
            """select rolname from pg_namespace inner join pg_roles on pg_roles.oid = nspowner
            where nspname = %s and not rolcanlogin and rolname !~ '[[:space:]]'
                and current_user = session_user and pg_has_role(pg_roles.oid, 'set')""",
            (schema,),
        )
        row = cursor.fetchone()
    if row is None:
        return warehouse
    role = row[0].replace("\\", "\\\\")
    return replace(warehouse, options=f"{warehouse.options} -c role={role}".strip())
