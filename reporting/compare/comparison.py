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
from reporting.compare.look import at_once, look
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
    totals = {"left": _rows(left), "right": _rows(right)}
    labels = {side.name: side.label for side in pair}
    found = Comparison(labels, schema, totals, len(left.keys() | right.keys()))
    differing = [day for day in left.keys() | right.keys() if left.get(day) != right.get(day)]
    known = []
    for name in sorted(differing, key=str):
        rows = {"left": left.get(name, (0,))[0], "right": right.get(name, (0,))[0]}
        difference = DayDifference(name or "none", rows["left"], rows["right"])
        found.differences.append(difference)
        if date_of := _as_date(name):
            known.append(Day(date_of, pair, statements, rows))
        else:
            found.add([_only_counted(difference)])
    unexplained: dict[str, Left] = {}
    _look(found, known, unexplained, progress)
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


def _rows(counted: Counted) -> int:
    return sum(rows for rows, _ in counted.values())


def _as_date(day: str | None) -> date | None:
    """None of a row that has no day, or one outside of Python's calendar."""
    try:
        return date.fromisoformat(day or "")
    except ValueError:
        return None


def _only_counted(difference: DayDifference) -> Finding:
    evidence = "they have no day of the calendar, and are only counted"
    rows = abs(difference.left - difference.right)
    return Finding("rows_missing", "", "", "", evidence, rows, days=[difference.day])


def _look(found: Comparison, days: list[Day], left: dict[str, Left], progress: Progress) -> None:
    """Into the days that differ."""
    if days:
        progress.start("Looking into days", len(days))
    by_name = {each.day: each for each in found.differences}
    differing = frozenset(day.day for day in days)
    for batch in at_once(days):
        look(batch)
        for day in batch:
            difference, matched = by_name[f"{day.day}"], day.matched
            difference.lacking = {side: each.keys for side, each in matched.lacking.items()}
            difference.repeated = {
                side: each.same + each.others for side, each in matched.repeated.items()
            }
            difference.differing = matched.rows
            for column, rows in matched.differing.items():
                found.columns[column] = found.columns.get(column, 0) + rows
            found.add(lacking(day, differing))
            found.add(repeated(day))
            found.add(changed(day, left))
            progress.advance()
