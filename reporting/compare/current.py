"""What differs and no rule of values explains: by other rows of the same users."""

from __future__ import annotations

from collections.abc import Iterator
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


def _current(pair: Pair, statements: Statements, left: Left) -> Finding | None:
    """One side has one value for each user, the other one several."""
    days = [date.fromisoformat(day) for day in left.days]
    window = DayRange.inclusive(min(days) - _AROUND, max(days) + _AROUND)
    for entity in statements.schema.key:
        of = sorted({row[entity.name] or "" for row, _ in left.changes})[:_LOOKED_AT]

        def ask(side: Side, entity: Shared = entity, of: list[str] = of) -> dict[str, int]:
            columns = (entity, left.column)
            query = lookups.by_entity(statements, side, window, columns, of)
            return {name: values for name, values, _ in side.rows(query)}

        counted = dict(zip(("left", "right"), pair.both(ask), strict=True))
        for name in ("right", "left"):
            other = counted["left" if name == "right" else "right"]
            several = sum(values > 1 for values in other.values())
            is_constant = all(values == 1 for values in counted[name].values())
            if is_constant and several and several >= _VARYING * len(other):
                evidence = (
                    f"{name} has one {left.column.name} per {entity.name} for all {len(of)} looked "
                    f"at, the other side several for {several}"
                )
                return Finding("current_not_as_of", name, left.column.name, "", evidence)
    return None


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
