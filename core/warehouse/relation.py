"""Reading a table or view as it is: whoever shows or checks data needs no SQL of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from typing import Any

import psycopg2.errors
from psycopg2 import sql

from core.days import DayRange
from core.errors import UserError
from core.warehouse.connection import Warehouse

Row = dict[str, Any]
# A connection (psycopg2 has no types) is for who reads many relations: opening one takes 3 ms.
Where = Warehouse | Any
Days = DayRange | Sequence[date]


def read(
    where: Where,
    relation: str,
    day_column: str | None = None,
    days: DayRange | None = None,
    limit: int | None = None,
) -> list[Row]:
    """The rows of `schema.name`, by day where there is a day column.

    Args:
        where: the warehouse it is in, or an open connection to it.
        relation: `schema.name`.
        day_column: its column of UTC days.
        days: only these days; needs `day_column`.
        limit: at most so many rows.

    Raises:
        UserError: there is no such relation: nothing has been built yet.
    """
    order = (
        sql.SQL(" order by {}").format(sql.Identifier(day_column)) if day_column else sql.SQL("")
    )
    end = sql.SQL(" limit {}").format(sql.Literal(limit)) if limit else sql.SQL("")
    query = sql.SQL("select * from ") + _of_days(relation, day_column, days) + order + end
    with _connection(where) as db, db.cursor() as cursor:
        try:
            cursor.execute(query)
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName) as error:
            raise UserError(
                f"PGDATABASE={db.info.dbname} has no {relation} yet: run make transform"
            ) from error
        # psycopg2's own dict cursor takes ten times as long.
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def counts(
    where: Where,
    relation: str,
    columns: Sequence[str] = (),
    days: Days | None = None,
) -> dict[tuple[str, ...], int]:
    """How many rows of `schema.name` there are for each value of some columns, as text.

    Args:
        where: the warehouse it is in, or an open connection to it.
        relation: `schema.name`.
        columns: the column of UTC days first; none for all rows together, under `()`.
        days: only these days, a range or some; needs a column.
    """
    by = [sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns]
    ordinals = [sql.SQL(str(number)) for number in range(1, len(by) + 1)]
    group = sql.SQL(" group by ") + sql.SQL(", ").join(ordinals) if by else sql.SQL("")
    query = sql.SQL("select {} from ").format(sql.SQL(", ").join([*by, sql.SQL("count(*)")]))
    query += _of_days(relation, columns[0] if columns else None, days) + group
    with _connection(where) as db, db.cursor() as cursor:
        cursor.execute(query)
        return {tuple(values): rows for *values, rows in cursor.fetchall()}


def exists(db: Any, relation: str) -> bool:
    """Whether there is a table or view `schema.name`."""
    with db.cursor() as cursor:
        name = sql.Identifier(*relation.split(".")).as_string(db)
        cursor.execute("select to_regclass(%s) is not null", (name,))
        return bool(cursor.fetchone() == (True,))


def distinct_values(where: Where, query: str, columns: Sequence[str]) -> set[str | None] | None:
    """What the rows of a query have in one of its columns, as text; None where it has none of them.

    Args:
        where: the warehouse, or an open connection to it.
        query: one statement of SQL that somebody else has written.
        columns: the column is the first of these that the query has.
    """
    found = sql.SQL("({}) as found").format(sql.SQL(query))
    with _connection(where) as db, db.cursor() as cursor:
        cursor.execute(sql.SQL("select * from {} limit 0").format(found))
        names = [column.name for column in cursor.description or ()]
        column = next((name for name in columns if name in names), None)
        if column is None:
            return None
        name = sql.Identifier(column)
        cursor.execute(sql.SQL("select distinct {}::text from {}").format(name, found))
        return {value for (value,) in cursor.fetchall()}


@contextmanager
def _connection(where: Where) -> Iterator[Any]:
    if isinstance(where, Warehouse):
        with closing(where.connect()) as db:
            yield db
    else:
        yield where


def _of_days(relation: str, day_column: str | None, days: Days | None) -> sql.Composable:
    table = sql.Identifier(*relation.split("."))
    if days is None or day_column is None:
        return table
    if not isinstance(days, DayRange):
        some = sql.SQL("{} where {} = any({}::date[])")
        return some.format(table, sql.Identifier(day_column), sql.Literal(list(days)))
    return sql.SQL("{} where {column} >= {} and {column} < {}").format(
        table, sql.Literal(days.start), sql.Literal(days.end), column=sql.Identifier(day_column)
    )
