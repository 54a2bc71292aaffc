"""The queries: days, segments and rows as counts and checksums, computed where the table is.

A row's checksum is a chain: the hash of each value is seeded with that of the value before, so that
swapped columns, or values that changed places between rows, make another sum. Rows are added, not
xor-ed: a pair of the same rows would vanish. The functions are those of Postgres' own hash indexes,
by type: a row is never written as text, which takes five times as long. They are no protection
against somebody who wants two tables to look the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from psycopg2 import sql

from core.days import DayRange
from reporting.compare.columns import Schema, Shared
from reporting.compare.side import Side

# By family: the type that values are cast to, the hash of it, and a value that stands for none.
_FORMS = {
    "int": ("bigint", "hashint8extended", "0"),
    "numeric": ("numeric", "hash_numeric_extended", "0"),
    "float": ("double precision", "hashfloat8extended", "0"),
    "bool": ("boolean", "hashint4extended", "false"),
    "date": ("date", "timestamp_hash_extended", "epoch"),
    "timestamp": ("timestamp", "timestamp_hash_extended", "epoch"),
    "timestamptz": ("timestamptz", "timestamp_hash_extended", "epoch"),
    "time": ("time", "time_hash_extended", "00:00"),
    "uuid": ("uuid", "uuid_hash_extended", "00000000-0000-0000-0000-000000000000"),
    "json": ("jsonb", "jsonb_hash_extended", "null"),
    "text": ("text", "hashtextextended", ""),
}
# What the hash takes, where that is another type. PostgreSQL 18 has a hash of timestamptz.
_HASHED_AS = {"bool": "::int", "date": "::timestamp", "timestamptz": "::timestamp"}
_SECOND = (
    "date_part('hour', {0}) * 3600 + date_part('minute', {0}) * 60 "
    "+ floor(date_part('second', {0}))"
)


@dataclass(frozen=True)
class Statements:
    """The queries of one comparison. `seed`: of this run alone; `is_utf8`: both databases are."""

    schema: Schema
    is_utf8: bool = True
    days: DayRange | None = None
    seed: int = field(default_factory=lambda: secrets.randbits(62))

    def by_day(self, side: Side) -> sql.Composed:
        """Each day, as text, with its rows and their checksum."""
        return sql.SQL(
            "select day::text, rows, checksum from (select {} as day, count(*) as rows, "
            "sum({}) as checksum from {} where {} group by 1) as days"
        ).format(self.day(side), self.row_hash(side), side.relation, self._of_range(side))

    def key_hash(self, side: Side) -> sql.Composable:
        """A number of 64 bits for the key."""
        return self._chain(side, self.schema.key, sql.Literal(self.seed))

    def row_hash(self, side: Side) -> sql.Composable:
        """A number of 64 bits for the key and all compared columns."""
        return self._chain(side, self.schema.columns, self.key_hash(side))

    def form(self, column: Shared) -> str:
        """The type that both sides' values are compared in."""
        return _FORMS[self._family(column)][0]

    def value(self, side: Side, column: Shared) -> sql.Composable:
        """The value in the type that both sides are compared as; null where text is none of it."""
        own, family = column.of(side), self._family(column)
        name: sql.Composable = sql.Identifier(own.name)
        form = _FORMS[family][0]
        if own.base == form:
            return name
        if own.family == "text" and family != "text":
            query = "case when pg_input_is_valid({0}::text, {2}) then {0}::text::{1} end"
            return sql.SQL(query).format(name, sql.SQL(form), sql.Literal(form))
        # The same text, however it was written.
        own_form = "::jsonb" if own.base == "json" else ""
        return sql.SQL("{}{}::{}").format(name, sql.SQL(own_form), sql.SQL(form))

    def of_days(self, side: Side, days: Iterable[date]) -> sql.Composed:
        """The condition that a row is of one of some days. It prunes partitions: constants are
        compared."""
        ranges: list[DayRange] = []
        for day in sorted(days):
            if ranges and ranges[-1].end == day:
                ranges[-1] = DayRange.inclusive(ranges[-1].start, day)
            else:
                ranges.append(DayRange.of(day))
        conditions = (self.between(side, each) for each in ranges)
        return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))

    def between(self, side: Side, days: DayRange) -> sql.Composed:
        """The condition that a row is of a range of days."""
        own = self.schema.day.of(side)
        zone = " 00:00+00" if own.family == "timestamptz" else ""
        return sql.SQL("({column} >= {} and {column} < {})").format(
            sql.Literal(f"{days.start}{zone}"),
            sql.Literal(f"{days.end}{zone}"),
            column=sql.Identifier(own.name),
        )

    def text(self, side: Side, column: Shared) -> sql.Composable:
        """The value as people read it; numbers without the zeros at their end."""
        form = "trim_scale({})::text" if self._family(column) == "numeric" else "({})::text"
        return sql.SQL(form).format(self.value(side, column))

    def _of_range(self, side: Side) -> sql.Composable:
        return self.between(side, self.days) if self.days else sql.SQL("true")

    def day(self, side: Side) -> sql.Composable:
        """The UTC day of a row."""
        own = self.schema.day.of(side)
        name = sql.Identifier(own.name)
        return name if own.family == "date" else sql.SQL("{}::date").format(name)

    def day_number(self, side: Side) -> sql.Composable:
        """The UTC day of a row, as days since 1970."""
        return sql.SQL("({} - date '1970-01-01')").format(self.day(side))

    def _chain(self, side: Side, columns: Sequence[Shared], seed: sql.Composable) -> sql.Composable:
        for column in columns:
            seed = self._hash(side, column, seed)
        return seed

    def column_hash(self, side: Side, column: Shared) -> sql.Composable:
        """A number of 31 bits for a value."""
        value = self._hash(side, column, sql.Literal(self.seed))
        return sql.SQL("({} & 2147483647)::int").format(value)

    def _hash(self, side: Side, column: Shared, seed: sql.Composable) -> sql.Composable:
        value, own, family = self.value(side, column), column.of(side), self._family(column)
        _, function, none = _FORMS[family]
        if own.is_nullable or (own.family == "text" != family):
            # Null is no value, and text that is none of the other side's type is a third thing: the
            # seed says so, which is written once, or the chain would double with each column.
            seed = sql.SQL(
                "{} # case when {} is null then 1 when {} is null then 2 else 0 end"
            ).format(seed, sql.Identifier(own.name), value)
            form = sql.SQL(_FORMS[family][0])
            value = sql.SQL("coalesce({}, {}::{})").format(value, sql.Literal(none), form)
        if family == "timestamptz" and side.version >= 18:
            function = "timestamptz_hash_extended"
        elif family in _HASHED_AS:
            value = sql.SQL("({}){}").format(value, sql.SQL(_HASHED_AS[family]))
        if family == "text":
            value = self._bytes(value)
        return sql.SQL("{}({}, {})").format(sql.SQL(function), value, seed)

    def _bytes(self, text: sql.Composable) -> sql.Composable:
        """Text as the bytes that are hashed: those of UTF-8, whatever the database has."""
        if self.is_utf8:
            return sql.SQL('({}) collate "C"').format(text)
        return sql.SQL("encode(convert_to({}, 'UTF8'), 'escape')").format(text)

    def _family(self, column: Shared) -> str:
        """JSON is hashed as bytes of its strings, which another encoding has others of."""
        return "text" if column.family == "json" and not self.is_utf8 else column.family

    def is_late(self, side: Side) -> sql.Composable:
        """1 where a row was received after its day; 0 also where nobody knows."""
        receipt = self.schema.receipts.get(side.name)
        if receipt is None:
            return sql.SQL("0")
        return sql.SQL("case when {}::date > {} then 1 else 0 end").format(
            sql.Identifier(receipt.name), self.day(side)
        )

    def moment(self) -> sql.Composable:
        """The second of the UTC day in which an event happened; -1 where nobody knows."""
        moment = self.schema.moment
        if moment is None:
            return sql.SQL("-1")
        return sql.SQL("coalesce(({})::int, -1)").format(self.second(moment))

    def second(self, moment: Shared) -> sql.Composable:
        """The second of the UTC day in which an event happened."""
        return sql.SQL(_SECOND).format(sql.Identifier(moment.name))
