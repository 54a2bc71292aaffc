"""What differs and no rule of values explains: by other rows of the same users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from core.days import DayRange
from reporting.compare import lookups
from reporting.compare.changed import Left
from reporting.compare.columns import Shared
from reporting.compare.findings import Finding
from reporting.compare.side import Pair, Side
from reporting.compare.statements import Statements
from reporting.compare.values import most_common

_LOOKED_AT = 50  # users
_FEW = 5
# Before and after the days that differ: a user who has changed has another value there.
_AROUND = timedelta(days=31)
_MOST = 0.8
_VARYING = 0.2  # of the users, who must have several values on the other side


def across_rows(pair: Pair, statements: Statements, left: dict[str, Left]) -> Iterator[Finding]:
    """The reasons of what is left of some columns.

    Args:
        pair: both tables.
        statements: of the comparison.
        left: by column.
    """
    for each in left.values():
        found = _current(pair, statements, each) or _one_value(each)
        finding = found or Finding("values_differ", "", each.column.name)
        finding.rows = each.rows
        finding.looked = each.looked
        finding.fitting = len(each.changes)
        finding.days = each.days
        finding.samples = each.example.samples if each.example else []
        yield finding


@dataclass(frozen=True)
class _Values:
    """What a user has in a column: all values, and the last."""

    all: frozenset[str | None]
    last: str | None


def _current(pair: Pair, statements: Statements, left: Left) -> Finding | None:
    """One side has one value for each user, the other one several, and that among them."""
    days = [date.fromisoformat(day) for day in left.days]
    window = DayRange.inclusive(min(days) - _AROUND, max(days) + _AROUND)
    for entity in statements.schema.key:
        of = sorted({row[entity.name] or "" for row, _ in left.changes})[:_LOOKED_AT]

        def ask(side: Side, entity: Shared = entity, of: list[str] = of) -> dict[str, _Values]:
            columns = (entity, left.column)
            found = side.rows(lookups.by_entity(statements, side, window, columns, of))
            return {name: _Values(frozenset(values), last) for name, values, last in found}

        one, other = pair.both(ask)
        for side, its, others in (("right", other, one), ("left", one, other)):
            if told := _told(its, others):
                evidence = f"{side} has one {left.column.name} per {entity.name}: {told}"
                return Finding("current_not_as_of", side, left.column.name, "", evidence)
    return None


def _told(its: dict[str, _Values], others: dict[str, _Values]) -> str:
    """What speaks for it; nothing where too little does.

    Args:
        its: of the side that may have what is now, by user.
        others: of the other side.
    """
    several = [user for user, values in others.items() if len(values.all) > 1 and user in its]
    if not several or len(several) < _VARYING * len(others):
        return ""
    if any(len(values.all) != 1 for values in its.values()):
        return ""
    among = sum(its[user].last in others[user].all for user in several)
    last = sum(its[user].last == others[user].last for user in several)
    # The same for all users is rather a column that was not filled.
    is_one_value = len({values.last for values in its.values()}) == 1
    if among < len(several) / 2 or (is_one_value and last < _MOST * len(several)):
        return ""
    return (
        f"the other side has several for {len(several)} of {len(others)} looked at, and its last "
        f"is that one for {last}"
    )


def _one_value(left: Left) -> Finding | None:
    """One side has the same value in every row that differs, the other one several."""
    name = left.column.name
    if len(left.changes) < _FEW:
        return None
    for side, place in (("right", 1), ("left", 0)):
        value, count = most_common([pair[place][name] for pair in left.changes])
        others = {pair[1 - place][name] for pair in left.changes}
        if count == len(left.changes) and len(others) > 1:
            shown = "null" if value is None else repr(value)
            evidence = f"{shown} in all {count:,} rows looked at, {len(others)} values on the other"
            return Finding("one_value", side, name, shown, evidence)
    return None
