"""Values handed to Postgres as data: statements, which servers log and show, do not have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from core.warehouse.locks import transaction
from core.warehouse.relation import exists

VALUES = "any (array(select value from pg_temp.given))"
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@contextmanager
def given(db: Connection, *values: str) -> Iterator[None]:
    """While the body runs, `= VALUES` is true of each value. `pg_temp.given` has them as
    `value`, and their `number` from 1.

    Args:
        db: a connection in a transaction, which has no others so.
        values: any texts without a NUL.
    """
    text = "".join(f"{value.translate(_ESCAPES)}\n" for value in values)
    with db.cursor() as cursor:
        cursor.execute(
            """create temporary table given (
                number int generated always as identity, value text
            ) on commit drop"""
        )
        cursor.copy_expert("copy pg_temp.given (value) from stdin", StringIO(text))
        yield
        cursor.execute("drop table pg_temp.given")


def rows_of_values(
    db: Connection, values: Sequence[str], columns: dict[str, str]
) -> dict[str, int]:
    """How many rows each of some tables has with one of some values; without those that are not
    there.

    Args:
        db: an autocommit connection to the warehouse.
        values: what the column is compared with.
        columns: by `schema.name`, the column.
    """
    found = {}
    with transaction(db), given(db, *values), db.cursor() as cursor:
        for relation, column in columns.items():
            if exists(db, relation):
                table = sql.Identifier(*relation.split("."))
                query = sql.SQL("select count(*) from {} where {} = " + VALUES)
                cursor.execute(query.format(table, sql.Identifier(column)))
                [(found[relation],)] = cursor.fetchall()
    return found
