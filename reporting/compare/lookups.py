"""Further queries of one day, by which a reason is confirmed on the side that it is told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from psycopg2 import sql

from core.days import DayRange
from reporting.compare.columns import Shared
from reporting.compare.day_queries import with_keys
from reporting.compare.side import Side
from reporting.compare.statements import Statements

_LETTERS = "ltrim(lower(regexp_replace({}, '[^[:alnum:]]', '', 'g')), '0')"


def days_of_keys(
    statements: Statements, side: Side, days: Iterable[date], keys: Iterable[int]
) -> sql.Composed:
    """How many of some keys are on which of some days."""
    return sql.SQL("select {}::text, count(distinct {}) from {} where {} group by 1").format(
        statements.day(side),
        statements.key_hash(side),
        side.relation,
        with_keys(statements, side, days, keys),
    )


def hours(
    statements: Statements, side: Side, day: date, moment: Shared, seconds: tuple[int, int]
) -> sql.Composed:
    """Rows between two seconds of a day, rows after them, and the last second that has one."""
    first, last = map(sql.Literal, seconds)
    return sql.SQL(
        "select count(*) filter (where {second} between {} and {last}), "
        "count(*) filter (where {second} > {last}), max({second})::int from {} where {}"
    ).format(
        first,
        side.relation,
        statements.of_days(side, [day]),
        second=statements.second(moment),
        last=last,
    )


def rows_with(
    statements: Statements, side: Side, day: date, column: Shared, value: str
) -> sql.Composed:
    """Rows of a day with a value in a column."""
    return sql.SQL("select count(*) from {} where {} and ({})::text = {}").format(
        side.relation,
        statements.of_days(side, [day]),
        statements.value(side, column),
        sql.Literal(value),
    )


def keys_by_letters(
    statements: Statements, side: Side, day: date, keys: Sequence[Sequence[str]]
) -> sql.Composed:
    """The keys of a day that are those given but for what is no letter or digit, and case."""
    own = [sql.SQL("({})::text").format(statements.value(side, c)) for c in statements.schema.key]
    form = sql.SQL(_LETTERS)
    of_rows = sql.SQL(", ").join(form.format(each) for each in own)
    given = sql.SQL(", ").join(
        sql.SQL("({})").format(sql.SQL(", ").join(form.format(sql.Literal(each)) for each in key))
        for key in keys
    )
    return sql.SQL("select distinct {} from {} where {} and ({}) in ({})").format(
        sql.SQL(", ").join(own), side.relation, statements.of_days(side, [day]), of_rows, given
    )


def by_entity(
    statements: Statements,
    side: Side,
    days: DayRange,
    columns: tuple[Shared, Shared],
    of: list[str],
) -> sql.Composed:
    """For each of some values of a column, the values that another one has beside it, and its last.

    Args:
        statements: of the comparison.
        side: of which table.
        days: of which days.
        columns: the column that is looked into, such as the user; and the other one.
        of: values of the first.
    """
    entity = statements.value(side, columns[0])
    return sql.SQL(
        "select ({entity})::text, array_agg(distinct {attribute}), "
        "(array_agg({attribute} order by {day} desc))[1] "
        "from {} where {} and {entity} = any ({}::{}[]) group by 1"
    ).format(
        side.relation,
        statements.between(side, days),
        sql.Literal(of),
        sql.SQL(statements.form(columns[0])),  # with its type an index can be used
        entity=entity,
        attribute=statements.text(side, columns[1]),
        day=sql.Identifier(statements.schema.day.name),
    )
