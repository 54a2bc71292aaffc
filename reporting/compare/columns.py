"""The columns that both tables have, and what the values of each are compared as."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from reporting.compare.side import Pair, Side
from reporting.settings import CompareSettings

# What types are compared as; all others as their text.
FAMILIES = {
    "smallint": "int",
    "integer": "int",
    "bigint": "int",
    "numeric": "numeric",
    "real": "float",
    "double precision": "float",
    "boolean": "bool",
    "date": "date",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
NUMBERS = ("int", "numeric", "float")  # the later holds the one before
TIMES = ("date", "timestamp", "timestamptz")  # likewise; without a zone it is UTC
RECEIPTS = ("ingest_date", "ingested_at", "received_at", "received_date", "received_on")
MOMENTS = ("event_ts", "event_time", "event_at", "occurred_at", "happened_at", "ts", "timestamp")
_CATALOG = """
    select attname, format_type(atttypid, atttypmod),
        format_type(coalesce(nullif(typbasetype, 0), atttypid), null), not attnotnull
    from pg_attribute inner join pg_type on pg_type.oid = atttypid
    where attrelid = {} and attnum > 0 and not attisdropped order by attnum"""


@dataclass(frozen=True)
class Column:
    """A column of one side. `type`: as it is declared; `base`: without length and domain."""

    name: str
    type: str
    base: str
    is_nullable: bool

    @property
    def family(self) -> str:
        """What its values are compared as."""
        return FAMILIES.get(self.base, "text")


@dataclass(frozen=True)
class Shared:
    """A column of both sides, and the one family that its values are compared as."""

    name: str
    left: Column
    right: Column

    @property
    def family(self) -> str:
        """The one of the two that holds the values of both; text is read as what the other is."""
        one, other = self.left.family, self.right.family
        for ladder in (NUMBERS, TIMES):
            if one in ladder and other in ladder:
                return max(one, other, key=ladder.index)
        if "text" in (one, other):
            return other if one == "text" else one
        return one if one == other else "text"

    @property
    def types_differ(self) -> bool:
        """Whether they are declared in another way."""
        return self.left.type != self.right.type

    def of(self, side: Side) -> Column:
        """The column of a side."""
        return self.left if side.name == "left" else self.right


@dataclass(frozen=True)
class Schema:
    """What is compared. `columns`: without key, day and what is ignored. `receipts`: by side, the
    column that says when a row was received; `moment`: the one that says when it happened."""

    key: tuple[Shared, ...]
    day: Shared
    columns: tuple[Shared, ...]
    ignored: tuple[str, ...]
    only: dict[str, tuple[str, ...]]
    receipts: dict[str, Column]
    moment: Shared | None

    @property
    def shared(self) -> tuple[Shared, ...]:
        """All columns that are compared, those of the key first."""
        return (*self.key, *self.columns)

    @property
    def is_same(self) -> bool:
        """Whether both sides have the same columns."""
        return not any(self.only.values())


def read_schema(pair: Pair, settings: CompareSettings) -> Schema:
    """The columns of both tables, from the catalogs.

    Raises:
        UserError: a table is not there, or lacks a column that is needed.
    """
    left, right = pair.both(_columns)
    needed = {"KEY": settings.key, "DAY_COLUMN": (settings.day_column,)}
    for side, there in zip(pair, (left, right), strict=True):
        for setting, names in needed.items():
            for name in names:
                _require(setting, name, side, there)
    shared = {name: Shared(name, left[name], right[name]) for name in left if name in right}
    day = shared[settings.day_column]
    _require_times(settings.day_column, day)
    is_days = day.family == "date"
    # A date that is part of the key says nothing more within a day.
    of_key = [name for name in settings.key if not (is_days and name == day.name)] or [day.name]
    known = {*settings.key, *settings.ignore} | ({day.name} if is_days else set())
    return Schema(
        key=tuple(shared[name] for name in of_key),
        day=day,
        columns=tuple(each for name, each in shared.items() if name not in known),
        ignored=tuple(name for name in settings.ignore if name in left or name in right),
        only={
            "left": tuple(name for name in left if name not in {*right, *settings.ignore}),
            "right": tuple(name for name in right if name not in {*left, *settings.ignore}),
        },
        receipts=_receipts(pair, (left, right), settings.receipt_column),
        moment=_moment(shared, day),
    )


def _columns(side: Side) -> dict[str, Column]:
    from psycopg2 import sql

    name = side.relation.as_string(side.db)
    [(oid,)] = side.rows(sql.SQL("select to_regclass({})::oid").format(sql.Literal(name)))
    if oid is None:
        raise UserError(f"{side.name.upper()}: there is no {side.label}, or it may not be seen")
    found = side.rows(sql.SQL(_CATALOG).format(sql.Literal(oid)))
    return {row[0]: Column(*row) for row in found}


def _require(setting: str, name: str, side: Side, there: dict[str, Column]) -> None:
    if name not in there:
        raise UserError(
            f"{setting}={name!r} is no column of {side.label}: it has {', '.join(there)}"
        )


def _require_times(name: str, day: Shared) -> None:
    for each in (day.left, day.right):
        if each.family not in TIMES:
            raise UserError(f"DAY_COLUMN={name!r} is {each.type}: a date or a timestamp is needed")


def _receipts(
    pair: Pair, columns: tuple[dict[str, Column], dict[str, Column]], named: str
) -> dict[str, Column]:
    found = {}
    for side, there in zip(pair, columns, strict=True):
        usable = [each for each in ((named,) if named else RECEIPTS) if each in there]
        if usable and there[usable[0]].family in TIMES:
            found[side.name] = there[usable[0]]
    if named and not found:
        raise UserError(f"RECEIPT_COLUMN={named!r} is no column of dates or timestamps here")
    return found


def _moment(shared: dict[str, Shared], day: Shared) -> Shared | None:
    """When an event happened, to the second."""
    if "date" not in (day.left.family, day.right.family):
        return day
    for name in MOMENTS:
        each = shared.get(name)
        if each and {each.left.family, each.right.family} <= {"timestamp", "timestamptz"}:
            return each
    return None
