"""UTC days and hours: half-open in the code, inclusive at the edge. Converted here only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.errors import UserError

ONE_DAY = timedelta(days=1)
ONE_HOUR = timedelta(hours=1)
ONE_WEEK = timedelta(weeks=1)
_HOUR = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3])")


@dataclass(frozen=True)
class DayRange:
    """The UTC days `[start, end)`; never empty."""

    start: date
    end: date

    @classmethod
    def inclusive(cls, first: date, last: date) -> DayRange:
        """The days from `first` to `last`, both of them included."""
        return cls(first, last + ONE_DAY)

    @classmethod
    def of(cls, day: date) -> DayRange:
        """One day."""
        return cls.inclusive(day, day)

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"empty range: [{self.start}, {self.end})")

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=i) for i in range(len(self)))

    def __len__(self) -> int:
        return (self.end - self.start).days

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.start <= day < self.end

    @property
    def last(self) -> date:
        """The last day inside the range."""
        return self.end - ONE_DAY

    @property
    def whole_weeks(self) -> DayRange:
        """The ISO weeks, Monday to Sunday, that have a day in it."""
        return DayRange(monday_of(self.start), monday_of(self.last) + ONE_WEEK)

    def __str__(self) -> str:
        return f"{self.start}" if len(self) == 1 else f"{self.start} to {self.last}"


@dataclass(frozen=True, order=True)
class Window:
    """The UTC hours `[start, end)`, of which something is delivered; never empty."""

    start: datetime
    end: datetime

    @classmethod
    def of_days(cls, days: DayRange) -> Window:
        """All hours of some days."""
        return cls(_midnight(days.start), _midnight(days.end))

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"empty window: [{self.start}, {self.end})")

    def __contains__(self, other: object) -> bool:
        return isinstance(other, Window) and self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Window) -> bool:
        """Whether some hour is in both."""
        return self.start < other.end and other.start < self.end

    @property
    def is_days(self) -> bool:
        """Whether it begins and ends at midnight."""
        return self.start.time() == self.end.time() == time()

    @property
    def days(self) -> DayRange:
        """The days that have an hour in it."""
        return DayRange.inclusive(self.start.date(), (self.end - ONE_HOUR).date())

    def __str__(self) -> str:
        first, last = self.start, self.end - ONE_HOUR
        if not self.is_days:
            hours = [f"{hour:%Y-%m-%dT%H}" for hour in (first, last)]
            return hours[0] if first == last else " to ".join(hours)
        month = f"{first:%Y-%m}"
        is_month = first.day == self.end.day == 1 and month == f"{last:%Y-%m}"
        return month if is_month else str(self.days)


def monday_of(day: date) -> date:
    """The first day of the ISO week of a day, as `date_trunc('week', …)` of Postgres says it."""
    return day - day.weekday() * ONE_DAY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def parse_window(first: str, last: str) -> Window:
    """The hours of FROM and TO, inclusive, each a day or an hour: `2026-01-01` is all of its hours.

    Raises:
        UserError: one of them is neither, or TO lies before FROM.
    """
    days = parse_range(
        first[:10] if _HOUR.fullmatch(first) else first,
        last[:10] if _HOUR.fullmatch(last) else last,
    )
    start, end = _midnight(days.start), _midnight(days.end)
    if hour := _HOUR.fullmatch(first):
        start += int(hour[2]) * ONE_HOUR
    if hour := _HOUR.fullmatch(last):
        end += (int(hour[2]) + 1) * ONE_HOUR - ONE_DAY
    if end <= start:
        raise UserError(f"TO={last} is before FROM={first}")
    return Window(start, end)


def parse_day(setting: str, value: str) -> date:
    """A UTC day from `YYYY-MM-DD`.

    Raises:
        UserError: the value is not such a day; the message names `setting`.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise UserError(f"{setting}={value!r} is not a day: write it as YYYY-MM-DD")


def parse_range(first: str, last: str) -> DayRange:
    """The range of the inclusive days that people write as FROM and TO.

    Raises:
        UserError: one of them is not a day, or TO lies before FROM.
    """
    start, end = parse_day("FROM", first), parse_day("TO", last)
    if end < start:
        raise UserError(f"TO={last} is before FROM={first}")
    if end == date.max:
        raise UserError(f"TO={last} is the calendar's last day: nothing can end after it")
    return DayRange.inclusive(start, end)


def last_complete_days(count: int) -> DayRange:
    """The `count` UTC days before today."""
    today = datetime.now(UTC).date()
    return DayRange(today - timedelta(days=count), today)


def first_kept_day(count: int) -> date:
    """The first of the last `count` UTC days, today included.

    Raises:
        OverflowError: it lies before the calendar.
    """
    return datetime.now(UTC).date() - timedelta(days=count - 1)


def days_until_today(count: int) -> DayRange:
    """Today and the `count` UTC days before it."""
    today = datetime.now(UTC).date()
    return DayRange.inclusive(today - timedelta(days=count), today)


def due_day(now: datetime) -> DayRange:
    """The newest UTC day that must be there and complete: yesterday is pulled at 03:00; until 05:00
    it is the day before."""
    return DayRange.of((now - timedelta(hours=5)).date() - ONE_DAY)
