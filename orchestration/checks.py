"""Checks beside dbt's tests: are counts usual, is the newest day there, is Dagster right."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from core.days import due_day
from core.warehouse.relation import read
from orchestration.dbt.checks import WARN, note
from orchestration.dbt.resource import Dbt
from orchestration.dbt.translator import FACTS
from orchestration.deliveries import RAW_EVENTS
from orchestration.partitions import DAYS, FIRST, days_of, has_partition
from orchestration.resources import Warehouse

Context = dg.AssetCheckExecutionContext
# partitions_def is not an argument: there it prints that it is a preview, on every start.
ROW_COUNT = dg.AssetCheckSpec(
    "daily_row_count",
    asset=FACTS,
    description="As many facts as on the same weekdays before: median and MAD.",
)._replace(partitions_def=DAYS)


@dg.multi_asset_check(specs=[ROW_COUNT])
def daily_row_count(
    context: Context, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """What analytics.daily_row_counts says of the run's days."""
    days = read(warehouse.open(), "analytics.daily_row_counts", "event_date", days_of(context))
    counts = {f"{day.pop('event_date')}": day for day in days}
    unusual = {day: found["unusual"] for day, found in counts.items() if found["unusual"]}
    said = {day: _said(counts.get(day, {"events": 0})) for day in context.partition_keys}
    if context.has_partition_key:
        [metadata] = said.values()
        return dg.AssetCheckResult(passed=not unusual, severity=WARN, metadata=metadata)
    for day, metadata in said.items():
        note(context, ROW_COUNT, WARN, {day: day not in unusual}, metadata)
    return dg.AssetCheckResult(passed=not unusual, severity=WARN, metadata=unusual)


def _said(counted: dict[str, Any]) -> dict[str, Any]:
    """A day's count and its bounds, as far as they are known."""
    return {
        name: round(value, 1) if isinstance(value, float) else value
        for name, value in counted.items()
        if value is not None
    }


def _hourly(asset: dg.AssetKey, description: str) -> dict[str, Any]:
    # Not on_cron(), which waits for the asset to be updated: these are for when it is not.
    tick = dg.AutomationCondition.cron_tick_passed("30 * * * *")
    return {"asset": asset, "description": description, "automation_condition": tick}


# A freshness policy looks at when an asset was last materialized, whatever the partition; a
# backfill of old days does not fool this check.
@dg.asset_check(**_hourly(FACTS, "The newest day that is due was delivered, and is built."))
def newest_day_present(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Complete in analytics.row_accounting."""
    due = due_day(datetime.now(UTC))
    rows = read(warehouse.open(), "analytics.row_accounting", "ingest_date", due)
    if not rows:
        state = "missing"
    elif rows[0]["is_complete"]:
        state = "complete"
    else:
        state = "not built"
    return dg.AssetCheckResult(passed=state == "complete", metadata={str(due): state})


@dg.asset_check(**_hourly(FACTS, "Dagster's materialized partitions are the days in Postgres."))
def partitions_agree(
    context: Context, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The days of analytics.event_days that are built."""
    shown = set(context.instance.get_materialized_partitions(FACTS))
    days = read(warehouse.open(), "analytics.event_days", "event_date")
    built = {f"{day['event_date']}" for day in days if day["built_at"]}
    there = {day for day in built if has_partition(date.fromisoformat(day))}
    only = {"only_dagster": sorted(shown - there), "only_postgres": sorted(there - shown)}
    return dg.AssetCheckResult(passed=shown == there, severity=WARN, metadata=only)


@dg.asset_check(**_hourly(FACTS, "No event is older than the first partition."))
def all_days_have_partitions(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Such a day is built with the delivery that brings it; Dagster never asks for it."""
    days = read(warehouse.open(), "analytics.event_days", "event_date")
    before = [f"{day['event_date']}" for day in days if day["events"] and day["event_date"] < FIRST]
    found: dict[str, Any] = {"before the first partition": before, "first partition": f"{FIRST}"}
    return dg.AssetCheckResult(passed=not before, metadata=found)


@dg.asset_check(**_hourly(FACTS, "No day is older than what has landed of it."))
def no_day_is_stale(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """What analytics.event_days says: those that raw has another version of, built or not."""
    days = read(warehouse.open(), "analytics.event_days", "event_date")
    stale = [f"{day['event_date']}" for day in days if not day["is_up_to_date"]]
    older = [f"{day['event_date']}" for day in days if day.get("is_on_current_model") is False]
    found: dict[str, Any] = {"stale": stale, "built by older models": older}
    return dg.AssetCheckResult(passed=not stale, severity=WARN, metadata=found)


@dg.asset_check(**_hourly(RAW_EVENTS, "`dbt source freshness`: when the last load completed."))
def source_freshness(
    dbt: dg.ResourceParam[Dbt], warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """What dbt says of each source."""
    results = dbt.run(warehouse.open(), ["source", "freshness"])
    states: dict[str, Any] = {
        result.node.name: str(result.status)
        for result in results
        if result.node.resource_type == "source"
    }
    passed = set(states.values()) == {"pass"}
    return dg.AssetCheckResult(passed=passed, severity=WARN, metadata=states)
