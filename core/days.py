"""UTC days: half-open ranges in the code, inclusive days at the edge. Converted here only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.errors import UserError

ONE_DAY = timedelta(days=1)


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

    def __str__(self) -> str:
        return f"{self.start}" if len(self) == 1 else f"{self.start} to {self.last}"


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


def due_day(now: datetime) -> DayRange:
    """The newest UTC day that must be there and complete: yesterday is pulled at 03:00; until 05:00
    it is the day before."""
    return DayRange.of((now - timedelta(hours=5)).date() - ONE_DAY)
