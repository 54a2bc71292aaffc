"""The queries about days that differ; each of several days at once: a table that nobody has
partitioned or indexed is read as a whole each time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from psycopg2 import sql

from reporting.compare.side import Side
from reporting.compare.statements import Statements

EPOCH = date(1970, 1, 1)  # days are numbers from there


def by_segment(
    statements: Statements, side: Side, days: Iterable[date], segments: int
) -> sql.Composed:
    """The segments of days by the hash of the key: day, segment, rows and checksum.

    Args:
        statements: of the comparison.
        side: of which table.
        days: UTC.
        segments: of a day; a power of 2.
    """
    return sql.SQL(
        "select {}, ({} & {})::int, count(*), sum({}) from {} where {} group by 1, 2"
    ).format(
        statements.day_number(side),
        statements.key_hash(side),
        sql.Literal(segments - 1),
        statements.row_hash(side),
        side.relation,
        statements.of_days(side, days),
    )


def hashes(
    statements: Statements, side: Side, days: Iterable[date], segments: int, only: Sequence[int]
) -> sql.Composed:
    """Rows as numbers: day, key, row, whether it is late, second, and each column.

    Args:
        statements: of the comparison.
        side: of which table.
        days: UTC.
        segments: of a day.
        only: these segments, each its day's number * segments + its own; none for all.
    """
    which: sql.Composable = sql.SQL("true")
    if only:
        which = sql.SQL("{}::bigint * {} + ({} & {}) = any ({}::bigint[])").format(
            statements.day_number(side),
            sql.Literal(segments),
            statements.key_hash(side),
            sql.Literal(segments - 1),
            sql.Literal([*only]),
        )
    numbers = [
        statements.day_number(side),
        statements.key_hash(side),
        statements.row_hash(side),
        statements.is_late(side),
        statements.moment(),
        *(statements.column_hash(side, column) for column in statements.schema.columns),
    ]
    return sql.SQL("select {} from {} where {} and {}").format(
        sql.SQL(", ").join(numbers), side.relation, statements.of_days(side, days), which
    )


def values(
    statements: Statements, side: Side, days: Iterable[date], keys: Iterable[int]
) -> sql.Composed:
    """Rows as people read them, two of a key at most: its number, day, hash of the key, whether it
    is late, and each compared column as text."""
    texts = [statements.text(side, column) for column in statements.schema.shared]
    return sql.SQL(
        "select * from (select row_number() over (partition by {day}, {key}), {day}, {key}, {} "
        "from {} where {}) as rows where row_number <= 2"
    ).format(
        sql.SQL(", ").join([statements.is_late(side), *texts]),
        side.relation,
        with_keys(statements, side, days, keys),
        day=statements.day_number(side),
        key=statements.key_hash(side),
    )


def with_keys(
    statements: Statements, side: Side, days: Iterable[date], keys: Iterable[int]
) -> sql.Composed:
    """The condition: of some days, and the hash of the key is one of these."""
    return sql.SQL("{} and {} = any ({}::bigint[])").format(
        statements.of_days(side, days), statements.key_hash(side), sql.Literal([*keys])
    )


def summary(statements: Statements, side: Side, days: Iterable[date]) -> sql.Composed:
    """Of each day its number, its rows, and how many of them are late."""
    return sql.SQL("select {}, count(*), sum({}) from {} where {} group by 1").format(
        statements.day_number(side),
        statements.is_late(side),
        side.relation,
        statements.of_days(side, days),
    )


def some_keys(statements: Statements, side: Side, days: Iterable[date], limit: int) -> sql.Composed:
    """The hashes of some keys of each day."""
    return sql.SQL(
        "select day, key from (select {day} as day, {} as key, row_number() over "
        "(partition by {day}) as number from {} where {}) as rows where number <= {}"
    ).format(
        statements.key_hash(side),
        side.relation,
        statements.of_days(side, days),
        sql.Literal(limit),
        day=statements.day_number(side),
    )
