"""Partitions: UTC days; day by region for what is overwritten region by region; ISO weeks."""

import logging
from datetime import UTC, date, datetime

import dagster as dg

from core.days import DayRange, monday_of, parse_day
from core.errors import UserError
from core.refusals import REFUSALS
from core.settings import optional_window
from orchestration.dbt.cells import Regions
from orchestration.resources import Warehouse
from orchestration.settings import orchestration_settings
from orchestration.sources import first_day_asked
from transform.event_days import oldest_event_day

LOG = logging.getLogger(__name__)
# Where nothing has landed: what comes first may be old, and every day of it shall be asked for.
BEFORE_ANY_EVENT = date(2010, 1, 1)


def first_day(warehouse: Warehouse) -> date:
    """The first partition: PARTITIONS_START, else the month of the oldest day that is asked for.

    That is what schedules ask for, yesterday at least, the oldest event, and FROM, of whoever has
    set it. As of now: events that turn out to be older still have partitions after Dagster has
    loaded the code location again, and a check is red until then.
    """
    if told := orchestration_settings().partitions_start:
        return told
    try:
        oldest = oldest_event_day(warehouse.open())
    except (UserError, *REFUSALS) as error:
        LOG.warning("partitions from %s on: %s", BEFORE_ANY_EVENT, f"{error}".strip())
        oldest = None
    days = [oldest or BEFORE_ANY_EVENT, first_day_asked(datetime.now(UTC).date())]
    if asked := optional_window():
        days.append(asked.start.date())
    return min(days).replace(day=1)


FIRST = first_day(Warehouse())
START = f"{FIRST}"
# The day that is going on has a partition too: it is pulled every hour.
DAYS = dg.DailyPartitionsDefinition(start_date=START, timezone="UTC", end_offset=1)
REGIONS = Regions(orchestration_settings().regions)
BY_REGION = dg.StaticPartitionsDefinition(REGIONS.all)
CELLS = dg.MultiPartitionsDefinition({"date": DAYS, "region": BY_REGION})
# From Monday on, as Postgres counts weeks (Dagster: from Sunday); the one that is going on too.
WEEKS = dg.WeeklyPartitionsDefinition(
    start_date=f"{monday_of(FIRST)}",
    timezone="UTC",
    day_offset=1,
    end_offset=1,
)
# A range is one run. Without this, Dagster makes a run of every cell.
ONE_RUN = dg.BackfillPolicy.single_run()


def has_partition(day: date) -> bool:
    """Whether a UTC day has a partition. Dagster's own answer lists all of them each time it is
    asked: 4 CPU s for 30,000 days."""
    return FIRST <= day <= datetime.now(UTC).date()


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> DayRange:
    """The UTC days of a run: of one partition, of a range, of cells."""
    days = [key.split("|")[0] for key in context.partition_keys]
    first = parse_day("partition", min(days))
    last = parse_day("partition", max(days))
    return DayRange.inclusive(first, last)
