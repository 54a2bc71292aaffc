"""The comparison of two tables: all days by their checksums, and a look into those that differ."""

from __future__ import annotations

import time
from datetime import date

from core.days import DayRange
from core.progress import Progress
from reporting.compare.changed import Left, changed, repeated
from reporting.compare.columns import read_schema
from reporting.compare.current import across_rows
from reporting.compare.day import Day
from reporting.compare.findings import Comparison, DayDifference, Finding
from reporting.compare.lacking import lacking
from reporting.compare.side import Pair, Side
from reporting.compare.statements import Statements
from reporting.settings import CompareSettings

_ENCODINGS = "select current_setting('server_encoding')"
Counted = dict[str | None, tuple[int, object]]


def compare(
    pair: Pair, settings: CompareSettings, days: DayRange | None, progress: Progress
) -> Comparison:
    """Compare two tables.

    Args:
        pair: both, open.
        settings: key and columns.
        days: only these; None for all.
        progress: is told of each day that is looked into.

    Raises:
        UserError: a table or column is not there, or may not be read; a server is away.
    """
    started = time.monotonic()
    schema = read_schema(pair, settings)
    encodings = pair.both(lambda side: side.rows(_ENCODINGS)[0][0])
    statements = Statements(schema, set(encodings) == {"UTF8"}, days)
    left, right = _counted(pair, statements, progress)
    totals = {
        side.name: sum(rows for rows, _ in counted.values())
        for side, counted in zip(pair, (left, right), strict=True)
    }
    labels = {side.name: side.label for side in pair}
    found = Comparison(labels, schema, totals, len(left.keys() | right.keys()))
    differing = [day for day in left.keys() | right.keys() if left.get(day) != right.get(day)]
    unexplained: dict[str, Left] = {}
    if differing:
        progress.start("Looking into days", len(differing))
    for day in sorted(differing, key=str):
        rows = (left.get(day, (0,))[0], right.get(day, (0,))[0])
        found.differences.append(DayDifference(day or "none", *rows))
        _look(found, pair, statements, unexplained)
        progress.advance()
    found.add(across_rows(pair, statements, unexplained))
    found.sort()
    found.seconds = time.monotonic() - started
    return found


def _counted(pair: Pair, statements: Statements, progress: Progress) -> tuple[Counted, Counted]:
    """All days of both sides."""
    progress.start("Counting, by day", 2)

    def count(side: Side) -> Counted:
        found = side.rows(statements.by_day(side))
        progress.advance()
        return {day: (rows, checksum) for day, rows, checksum in found}

    return pair.both(count)


def _as_date(day: str | None) -> date | None:
    """None of a row that has no day, or one outside of Python's calendar."""
    try:
        return date.fromisoformat(day or "")
    except ValueError:
        return None


def _look(
    found: Comparison, pair: Pair, statements: Statements, unexplained: dict[str, Left]
) -> None:
    """Into the day that was entered last."""
    difference = found.differences[-1]
    known = _as_date(difference.day)
    if known is None:
        evidence = "they have no day of the calendar, and are only counted"
        rows = abs(difference.left - difference.right)
        found.add([Finding("rows_missing", "", "", "", evidence, rows, days=[difference.day])])
        return
    day = Day(known, pair, statements, {"left": difference.left, "right": difference.right})
    day.look()
    difference.lacking = {side: each.keys for side, each in day.matched.lacking.items()}
    difference.repeated = {
        side: each.same + each.others for side, each in day.matched.repeated.items()
    }
    difference.differing = day.matched.rows
    for column, differing in day.matched.differing.items():
        found.columns[column] = found.columns.get(column, 0) + differing
    found.add(lacking(day))
    found.add(repeated(day))
    found.add(changed(day, unexplained))
