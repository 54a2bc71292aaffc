"""The sources of SOURCES_FILE: which there are, and when each is pulled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from core.days import DayRange
from core.errors import UserError
from ingestion.settings import SOURCES_FILE, named_sources
from ingestion.sources import NamedSource
from orchestration.range_tags import range_tags

SOURCES = named_sources()
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_TICKS = 100  # looked at for the longest time between two: a year of weeks, two months of workdays


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


def schedules(raw: dg.AssetSelection) -> Sequence[dg.ScheduleDefinition]:
    """A schedule of its own for each source that has one; each of them also counts what is in raw.

    Args:
        raw: the raw tables.
    """
    return [_schedule(each, raw) for each in SOURCES.values() if each.schedule]


def _schedule(source: NamedSource, raw: dg.AssetSelection) -> dg.ScheduleDefinition:
    selection = raw | dg.AssetSelection.assets(source_key(source.name))
    _ticks(source)  # a wrong one is said now

    @dg.schedule(
        name=f"source_{source.name}",
        job=dg.define_asset_job(f"source_{source.name}", selection.without_checks()),
        cron_schedule=source.schedule,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"What {source.name} has delivered since the tick before.",
    )
    def pull(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time
        days = days_of_tick(source, at)
        return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%M}", tags=range_tags(days))

    return pull
