"""What runs by itself: raw on a schedule, the rest when what it reads has changed."""

import time
from datetime import date, timedelta
from typing import Any

import dagster as dg

from ingestion.settings import EVENTS_URL, RESOURCE, SOURCE_NAME
from orchestration.dbt.translator import FACTS
from orchestration.deliveries import RAW_EVENTS, RAW_PROFILES
from orchestration.partitions import has_partition
from orchestration.resources import Warehouse
from orchestration.sources import SOURCES, without_schedule
from orchestration.told import cursor_of, due, read_cursor
from transform.event_days import out_of_date

LEDGER = dg.AssetKey(["raw", "ledger"])
LOAD = "load_id"  # in the metadata of what was landed
RAW = dg.AssetSelection.assets(RAW_EVENTS, RAW_PROFILES)
REGIONAL = dg.AssetSelection.assets(["analytics", "regional_daily_events"])
WEEKLY = dg.AssetSelection.assets(["analytics", "weekly_active_users"])
# They look at the newest day or at all of them, whatever a run's days are.
HOURLY = [
    *(
        dg.AssetCheckKey(FACTS, name)
        for name in (
            "newest_day_present",
            "partitions_agree",
            "all_days_have_partitions",
            "no_day_is_stale",
        )
    ),
    dg.AssetCheckKey(RAW_EVENTS, "source_freshness"),
]
BY_DAY = dg.AssetSelection.all() - REGIONAL - WEEKLY - dg.AssetSelection.checks(*HOURLY)
ON = dg.DefaultSensorStatus.RUNNING
PULLS_ON = dg.DefaultScheduleStatus.RUNNING
BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]

pull_job = dg.define_asset_job(
    "pull", (RAW | dg.AssetSelection.assets(*without_schedule())).without_checks()
)
days_job = dg.define_asset_job("days", BY_DAY)
cells_job = dg.define_asset_job("cells", REGIONAL)
weeks_job = dg.define_asset_job("weeks", WEEKLY)


def downstream() -> dg.AutomationCondition[Any]:
    """Any partition, however old, whose upstream has changed and passed its blocking checks.

    Not `eager()`: that looks at the newest partition alone, and waits for what is missing. A day
    of raw says nothing of the event days that it touched; the ledger does, so only it counts.
    """
    return _when(dg.AutomationCondition.any_deps_updated().ignore(RAW))


def left_by_days() -> dg.AutomationCondition[Any]:
    """Cells and weeks whose day was built without them, as dbt alone can: a run of days builds them
    along.

    So what is about to be requested does not count, and what such a run noted is handled. Other
    days of a week may be missing: they have no event.
    """
    condition = dg.AutomationCondition
    return _when(condition.any_deps_match(condition.newly_updated()), condition.missing())


def _when(
    changed: dg.AutomationCondition[Any], *or_ready: dg.AutomationCondition[Any]
) -> dg.AutomationCondition[Any]:
    condition = dg.AutomationCondition
    passed = condition.all_checks_match(condition.check_passed(), blocking_only=True)
    # What is requested together is one dbt invocation: there dbt itself holds back what follows.
    right = condition.will_be_requested() | passed
    for other in or_ready:
        right |= other
    # Not all_deps_match(): of a week, that asks for one day of each upstream, not for all.
    ready = ~condition.any_deps_match(~right)
    idle = ~condition.any_deps_in_progress() & ~condition.in_progress()
    return (changed.since_last_handled() & ready & idle).with_label("upstream_changed")


automation_sensor = dg.AutomationConditionSensorDefinition(
    "default_automation_condition_sensor",
    target=dg.AssetSelection.all(),
    default_status=ON,
    minimum_interval_seconds=30,
)


@dg.sensor(minimum_interval_seconds=30, default_status=ON)
def ledger_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Tell Dagster which event days are not built as raw has them, or have not passed their tests.

    Whatever the cause: late rows, `make ingest`, changed profiles, a run that failed. A version of
    a day is told again after ten minutes, and then less and less often, until the day is right.
    """
    if context.instance.get_runs_count(dg.RunsFilter(statuses=BUSY)):
        return dg.SkipReason("a run is going on, which may build the days")
    told = read_cursor(context.cursor)
    found = out_of_date(warehouse.open())
    days = {
        day: version for day, version in found.items() if has_partition(date.fromisoformat(day))
    }
    saying = due(told, days, time.time())
    if not saying:
        return dg.SkipReason("no event day has changed")
    events = [dg.AssetMaterialization(LEDGER, partition=day) for day in saying]
    return dg.SensorResult(asset_events=events, cursor=cursor_of(told | saying, days))


def _pull(context: dg.ScheduleEvaluationContext, days_ago: int) -> dg.RunRequest | dg.SkipReason:
    if SOURCES and not without_schedule():
        return dg.SkipReason("each source has a schedule of its own")
    if not (SOURCES or SOURCE_NAME.read() or EVENTS_URL.read() or RESOURCE.read()):
        return dg.SkipReason("EVENTS_URL is not set")
    at = context.scheduled_execution_time
    day = f"{at.date() - timedelta(days=days_ago)}"
    return dg.RunRequest(run_key=day if days_ago else f"{day} {at:%H}", partition_key=day)


@dg.schedule(job=pull_job, cron_schedule="0 * * * *", default_status=PULLS_ON)
def pull_today(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every hour, what today has delivered so far."""
    return _pull(context, 0)


@dg.schedule(job=pull_job, cron_schedule="0 3 * * *", default_status=PULLS_ON)
def pull_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """At 03:00 UTC, all that yesterday delivered, for good."""
    return _pull(context, 1)
