"""A value handed to Postgres as data: statements, which servers log and show, do not have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from core.warehouse.locks import transaction
from core.warehouse.relation import exists

VALUE = "(select value from pg_temp.given)"
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@contextmanager
def given(db: Connection, value: str) -> Iterator[None]:
    """While the body runs, the expression VALUE is the value.

    Args:
        db: a connection in a transaction, which has no other value so.
        value: any text without a NUL.
    """
    text = value.translate(_ESCAPES)
    with db.cursor() as cursor:
        cursor.execute("create temporary table given (value text) on commit drop")
        cursor.copy_expert("copy pg_temp.given from stdin", StringIO(f"{text}\n"))
        yield
        cursor.execute("drop table pg_temp.given")


def rows_of_value(db: Connection, value: str, columns: dict[str, str]) -> dict[str, int]:
    """How many rows each of some tables has with a value; without those that are not there.

    Args:
        db: an autocommit connection to the warehouse.
        value: what the column is compared with.
        columns: by `schema.name`, the column.
    """
    found = {}
    with transaction(db), given(db, value), db.cursor() as cursor:
        for relation, column in columns.items():
            if exists(db, relation):
                table = sql.Identifier(*relation.split("."))
                query = sql.SQL("select count(*) from {} where {} = " + VALUE)
                cursor.execute(query.format(table, sql.Identifier(column)))
                [(found[relation],)] = cursor.fetchall()
    return found
