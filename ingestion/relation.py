"""Reading a table or view as it is: whoever shows or checks data needs no SQL of their own."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg2.errors
from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from ingestion.days import DayRange
from ingestion.errors import UserError
from ingestion.warehouse import Warehouse

Row = dict[str, Any]


def read(
    warehouse: Warehouse,
    relation: str,
    day_column: str | None = None,
    days: DayRange | None = None,
    limit: int | None = None,
) -> list[Row]:
    """The rows of `schema.name`, by day where there is a day column.

    Args:
        warehouse: where it is.
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
    with closing(warehouse.connect()) as db, db.cursor(cursor_factory=RealDictCursor) as cursor:
        try:
            cursor.execute(query)
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName) as error:
            raise UserError(
                f"PGDATABASE={warehouse.database} has no {relation} yet: run make transform"
            ) from error
        return [dict(row) for row in cursor.fetchall()]


def count(
    warehouse: Warehouse,
    relation: str,
    day_column: str | None = None,
    days: DayRange | None = None,
) -> int:
    """The number of rows of `schema.name`; arguments as for `read`."""
    query = sql.SQL("select count(*) from ") + _of_days(relation, day_column, days)
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _of_days(relation: str, day_column: str | None, days: DayRange | None) -> sql.Composable:
    table = sql.Identifier(*relation.split("."))
    if days is None or day_column is None:
        return table
    return sql.SQL("{} where {column} >= {} and {column} < {}").format(
        table, sql.Literal(days.start), sql.Literal(days.end), column=sql.Identifier(day_column)
    )
