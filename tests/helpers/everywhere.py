"""All that a database has."""

from __future__ import annotations

from contextlib import closing

from core.warehouse.connection import Warehouse


def everywhere(warehouse: Warehouse) -> str:
    """All that is in the database, as text."""
    tables = """select table_schema, table_name from information_schema.tables
        where table_schema not in ('pg_catalog', 'information_schema')"""
    found = []
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(tables)
        for schema, table in cursor.fetchall():
            cursor.execute(f'select t::text from "{schema}"."{table}" as t')
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)
