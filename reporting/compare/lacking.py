"""Why a side lacks rows of a day that the other one has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from core.days import ONE_DAY
from reporting.compare import lookups
from reporting.compare.day import Day, Row
from reporting.compare.findings import SHOWN, Finding
from reporting.compare.side import Side

_FEW = 5  # rows that hours or a value of a column are not read from


@dataclass(frozen=True)
class Missing:
    """The sampled rows, on time, that `side` lacks and `other` has; `rows`: how many there are in
    all."""

    day: Day
    side: Side
    other: Side
    rows: int
    keys: dict[int, Row]
    differing: Collection[date]

    @property
    def present(self) -> list[Row]:
        """Some rows that the side has of the day."""
        found = (self.day.row(self.side, key) for key in self.day.matched.present[self.side.name])
        return [row.values for row in found if row]

    def finding(self, code: str, evidence: str, detail: str = "", column: str = "") -> Finding:
        """These rows by a reason."""
        return Finding(
            code,
            self.side.name,
            column,
            detail,
            evidence,
            self.rows,
            self.rows,
            self.rows,
            [f"{self.day.day}"],
            [self.day.sample(key, self.day.names) for key in [*self.keys][:SHOWN]],
        )


def lacking(day: Day, differing: Collection[date]) -> Iterator[Finding]:
    """The reasons why each side lacks rows of a day.

    Args:
        day: with its sample.
        differing: all days that differ.
    """
    for side in day.pair:
        found, other = day.matched.lacking[side.name], day.pair.other(side)
        if not found.keys:
            continue
        late = _late(day, side)
        if late:
            yield late
        rows = found.keys - (late.rows if late else 0)
        if rows:
            seen = {k: r for k in found.sample if (r := day.row(other, k))}
            on_time = {k: r.values for k, r in seen.items() if not (late and r.is_late)}
            missing = Missing(day, side, other, rows, on_time, differing)
            told = (reason(missing) for reason in _REASONS)
            yield next((each for each in told if each), missing.finding("rows_missing", ""))


def _late(day: Day, side: Side) -> Finding | None:
    """Those that were received after their day, where that is all of them, or the side has none."""
    found, other = day.matched.lacking[side.name], day.pair.other(side)
    is_known = side.name in day.statements.schema.receipts
    has_late = is_known and day.matched.late[side.name] > 0
    is_all = found.late == found.keys
    if not found.late or ((has_late or not day.rows[side.name]) and not is_all):
        return None
    keys = [k for k in found.sample if (r := day.row(other, k)) and r.is_late]
    receipt = day.statements.schema.receipts[other.name].name
    none = f", and {side.name} has no late row there" if is_known and not has_late else ""
    return Finding(
        "late_rows_lost",
        side.name,
        "",
        f"{receipt} is after the day",
        f"{found.late:,} of {found.keys:,} rows that {side.name} lacks were late{none}",
        found.late,
        found.keys,
        found.late,
        [f"{day.day}"],
        [day.sample(key, day.names) for key in keys[:SHOWN]],
    )


def _other_day(missing: Missing) -> Finding | None:
    """The same keys on the day before or after, on the side that lacks them here."""
    day, statements = missing.day.day, missing.day.statements
    # The other side lacks them there: these days differ too.
    around = [each for each in (day - ONE_DAY, day + ONE_DAY) if each in missing.differing]
    if not missing.keys or not around:
        return None
    found = missing.side.rows(lookups.days_of_keys(statements, missing.side, around, missing.keys))
    for there, keys in found:
        if keys >= len(missing.keys) / 2:
            where = "after" if there > f"{day}" else "before"
            evidence = f"{keys:,} of {len(missing.keys):,} looked at are there on the day {where}"
            hours = _hours(missing)
            evidence += f"; they happened {hours} UTC" if hours else ""
            return missing.finding("other_day", evidence, f"the day {where}")
    return None


def _whole_day(missing: Missing) -> Finding | None:
    if missing.day.rows[missing.side.name]:
        return None
    return missing.finding("day_missing", f"{missing.side.name} has no row of the day")


def _seconds(missing: Missing, rows: Iterable[Row]) -> list[int]:
    moment = missing.day.statements.schema.moment
    if moment is None:
        return []
    texts = [row.get(moment.name) for row in rows]
    times = [datetime.fromisoformat(text) for text in texts if text and text[0].isdigit()]
    utc = [each.astimezone(UTC) if each.tzinfo else each for each in times]
    return [each.hour * 3600 + each.minute * 60 + each.second for each in utc]


def _hours(missing: Missing) -> str:
    seconds = _seconds(missing, missing.keys.values())
    return f"from {_clock(min(seconds))} to {_clock(max(seconds))}" if seconds else ""


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second % 3600 // 60:02}:{second % 60:02}"


def _some_hours(missing: Missing) -> Finding | None:
    """All of them happened in hours of which the side has no row."""
    statements, seconds = missing.day.statements, _seconds(missing, missing.keys.values())
    moment = statements.schema.moment
    if len(seconds) < _FEW or moment is None:
        return None
    first, last = min(seconds), max(seconds)
    # Mostly a few of its rows tell, and the day need not be read.
    if any(first <= each <= last for each in _seconds(missing, missing.present)):
        return None
    day = missing.day.day
    query = lookups.hours(statements, missing.side, day, moment, (first, last))
    [(within, after, newest)] = missing.side.rows(query)
    if within:
        return None
    side = missing.side.name
    if not after and newest is not None:
        evidence = f"{side} has nothing after {_clock(newest)} UTC"
        return missing.finding("first_hours_only", evidence)
    return missing.finding("hours_missing", f"{side} has nothing {_hours(missing)} UTC")


def _group(missing: Missing) -> Finding | None:
    """All of them have the same value in a column, and the side has no row with that value."""
    day = missing.day
    if len(missing.keys) < _FEW or day.rows[missing.side.name] < _FEW:
        return None
    for column in day.statements.schema.columns:
        values = {row[column.name] for row in missing.keys.values()}
        if len(values) != 1 or column.family not in ("text", "bool", "int", "uuid"):
            continue
        [value] = values
        if value is None or any(row[column.name] == value for row in missing.present):
            continue
        query = lookups.rows_with(day.statements, missing.side, day.day, column, value)
        if missing.side.rows(query) == [(0,)]:
            side = missing.side.name
            return missing.finding(
                "group_missing", f"{side} has no row of the day with it", value, column.name
            )
    return None


def _written_otherwise(missing: Missing) -> Finding | None:
    """The keys are there, but for signs between letters, case, and zeros in front."""
    day, schema = missing.day, missing.day.statements.schema
    if not missing.keys or not day.matched.lacking[missing.other.name].keys:
        return None
    names = [each.name for each in schema.key]
    keys = [[row[name] or "" for name in names] for row in missing.keys.values()]
    query = lookups.keys_by_letters(day.statements, missing.side, day.day, keys)
    found = missing.side.rows(query)
    if len(found) < len(missing.keys) / 2:
        return None
    example = " ".join(f"{value}" for value in found[0])
    evidence = f"{len(found):,} of {len(missing.keys):,} looked at are there, such as {example}"
    return missing.finding("key_written_otherwise", evidence, ", ".join(names))


_REASONS: tuple[Callable[[Missing], Finding | None], ...] = (
    _other_day,
    _whole_day,
    _some_hours,
    _group,
    _written_otherwise,
)
