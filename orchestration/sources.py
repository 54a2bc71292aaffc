"""The sources of SOURCES_FILE: which there are, and when each is pulled."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from core.days import ONE_DAY, DayRange
from core.errors import UserError
from ingestion.settings import SOURCES_FILE, named_sources
from ingestion.sources import NamedSource

_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_TICKS = 100  # looked at for the longest time between two: a year of weeks, two months of workdays


def _ticks(source: NamedSource) -> dg.TimeWindowPartitionsDefinition:
    """The times between ticks, as Dagster counts them."""
    try:
        return dg.TimeWindowPartitionsDefinition(
            start=_EVER,
            fmt="%Y-%m-%dT%H:%M",
            cron_schedule=source.schedule,
            timezone="UTC",
        )
    except dg.DagsterInvalidDefinitionError:
        raise UserError(
            f"SOURCES_FILE={str(SOURCES_FILE.read())!r} has schedule = {source.schedule!r} of "
            f"{source.name!r}, which is no cron"
        ) from None


def _checked() -> dict[str, NamedSource]:
    """The sources, by name; UserError where a schedule is no cron."""
    found = named_sources()
    for source in found.values():
        if source.schedule:
            _ticks(source)
    return found


SOURCES = _checked()


def source_key(name: str) -> dg.AssetKey:
    """The asset of a source."""
    return dg.AssetKey(["sources", name])


def without_schedule() -> list[dg.AssetKey]:
    """The sources that are pulled when all are."""
    return [source_key(each.name) for each in SOURCES.values() if not each.schedule]


def days_of_tick(source: NamedSource, at: datetime) -> DayRange:
    """The UTC days since the tick before: the last of them goes on, unless the tick is at midnight.

    Args:
        source: one with a schedule.
        at: the moment of a tick.
    """
    window = _ticks(source).get_prev_partition_window(at)
    start = window.start if window else at
    return DayRange.inclusive(start.date(), (at - timedelta(microseconds=1)).date())


def longest_wait(source: NamedSource) -> timedelta:
    """The longest time between two ticks of a source's schedule."""
    ticks = _ticks(source)
    at = datetime.now(UTC)
    longest = timedelta()
    for _ in range(_TICKS):
        if window := ticks.get_prev_partition_window(at):
            longest = max(longest, window.end - window.start)
            at = window.start
    return longest


def first_day_asked(today: date) -> date:
    """The first UTC day that a schedule may ask for: yesterday, or since when a tick is awaited."""
    waits = [longest_wait(each) for each in SOURCES.values() if each.schedule]
    return today - max([timedelta(), *waits]) - ONE_DAY
