"""Taking records out of dbt's tables, after they have left raw."""

from __future__ import annotations

import json
from datetime import date

from core.days import DayRange
from core.errors import UserError
from core.progress import Progress
from core.warehouse.connection import Warehouse
from core.warehouse.relation import count_where, counts
from transform.build import transform
from transform.invocation import invoke, reason
from transform.project import manifest

# What dbt/macros/operations/retention.sql deletes from.
_BY_EVENT_DAY = (
    "analytics.fact_events",
    "analytics.regional_daily_events",
    "intermediate.int_event_day_counts",
)


def forget_user(warehouse: Warehouse, user: str) -> dict[str, int]:
    """Build the days that the leaving of a user's records has made out of date.

    Args:
        warehouse: where; the records have left raw.
        user: their user_id.

    Returns:
        By table, the rows of the user that were there.

    Raises:
        UserError: the build failed, or the user is still in a table of dbt's.
    """
    before = _rows_of(warehouse, user)
    print(transform(warehouse, None, Progress(unit="models and tests")))
    left = [table for table, rows in _rows_of(warehouse, user).items() if rows]
    if left:
        raise UserError(f"USER_ID={user!r} is still in {', '.join(left)}: run make forget again")
    return before


def prune_events(warehouse: Warehouse, before: date) -> dict[str, int]:
    """Drop the partitions of days before a UTC day, and those days' rows of other tables.

    Args:
        warehouse: where; nobody builds meanwhile.
        before: the first day that is kept.

    Returns:
        By table, the rows deleted.

    Raises:
        UserError: readers held fact_events for too long; nothing has changed in dbt's tables.
    """
    days = DayRange(date.min, before)
    deleted = {
        table: sum(counts(warehouse, table, ["event_date"], days).values())
        for table in _BY_EVENT_DAY
    }
    arguments = json.dumps({"before": f"{before}"})
    outcome = invoke(warehouse, ["run-operation", "prune", "--args", arguments, "--quiet"])
    if not outcome.success:
        raise UserError(f"the days before {before} were not dropped: {reason(outcome)}")
    return deleted


def _rows_of(warehouse: Warehouse, user: str) -> dict[str, int]:
    """How many rows each table of dbt's has of a user; without those that are not built yet."""
    rows = {}
    for node in manifest()["nodes"].values():
        is_table = node["config"].get("materialized") in ("table", "incremental")
        if node["resource_type"] == "model" and is_table and "user_id" in node["columns"]:
            table = f"{node['schema']}.{node['alias']}"
            rows[table] = count_where(warehouse, table, "user_id", user)
    return rows
