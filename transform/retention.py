"""Taking records out of dbt's tables, after they have left raw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from dbt_common.events.base_types import EventMsg
from psycopg2 import sql

from core.days import DayRange
from core.errors import UserError
from core.progress import Progress
from core.traces import remove_lines, shows
from core.warehouse.connection import Warehouse
from core.warehouse.given import VALUES, given, rows_of_values
from core.warehouse.locks import transaction
from core.warehouse.relation import counts, exists
from transform.build import transform
from transform.invocation import invoke
from transform.project import LOG_DIR, TARGET_DIR, manifest
from transform.said import of_invocation

# What dbt makes of the project alone has the data of nobody.
OF_PROJECT = {"manifest.json", "semantic_manifest.json", "graph.gpickle", "graph_summary.json"}
OF_PROJECT |= {"partial_parse.msgpack", "perf_info.json", "catalog.json", "static_index.html"}
# What dbt/macros/operations/retention.sql deletes from.
_BY_EVENT_DAY = {
    "analytics.fact_events": "event_date",
    "analytics.regional_daily_events": "event_date",
    "analytics.weekly_active_users": "week_start",
    "intermediate.int_event_day_counts": "event_date",
}


# Users whom builds look for; the build has taken them out of what it is made of.
_NO_LONGER = [
    sql.SQL("delete from raw.retracted_profiles where user_id = ") + sql.SQL(VALUES),
    sql.SQL("delete from intermediate.moved_profiles where user_id = ") + sql.SQL(VALUES),
]


def count_user(warehouse: Warehouse, *ids: str) -> dict[str, int]:
    """How many rows each of dbt's tables has of a user; without those that are not built yet.

    Args:
        warehouse: where.
        ids: whatever user_id has of them.
    """
    columns = {}
    for node in manifest()["nodes"].values():
        is_table = node["config"].get("materialized") in ("table", "incremental")
        if node["resource_type"] == "model" and is_table and "user_id" in node["columns"]:
            columns[f"{node['schema']}.{node['alias']}"] = "user_id"
    with closing(warehouse.connect()) as db:
        return rows_of_values(db, ids, columns)


def forget_user(warehouse: Warehouse, *ids: str) -> dict[str, int]:
    """Build the days that the leaving of a user's records has made out of date.

    Args:
        warehouse: where; the records have left raw.
        ids: whatever user_id has of them.

    Returns:
        By table, the rows of the user that were there.

    Raises:
        UserError: the build failed, or the user is still in a table of dbt's.
    """
    before = count_user(warehouse, *ids)
    print(transform(warehouse, None, Progress(unit="models and tests")))
    left = [table for table, rows in count_user(warehouse, *ids).items() if rows]
    if left:
        raise UserError(f"USER_ID is still in {', '.join(left)}: run make forget again")
    with (
        closing(warehouse.connect()) as db,
        transaction(db),
        given(db, *ids),
        db.cursor() as cursor,
    ):
        for statement in _NO_LONGER:
            cursor.execute(statement)
    return before


def forget_in_files(*ids: str) -> dict[str, int]:
    """Take a user out of dbt's logs, line by line, and delete the files of its target that show
    them; nothing else reads those.

    Args:
        ids: whatever user_id has of them.

    Returns:
        How many lines and files, where there were any.
    """
    logs = sorted(LOG_DIR.glob("*.log*"))
    lines = sum(remove_lines(log, each) for log in logs for each in ids)
    shown = [
        path
        for path in TARGET_DIR.rglob("*")
        if path.is_file() and path.name not in OF_PROJECT and _shows(path, ids)
    ]
    for path in shown:
        path.unlink()
    found = {"lines of dbt's logs": lines, "files of dbt's target": len(shown)}
    return {place: number for place, number in found.items() if number}


def _shows(path: Path, ids: Sequence[str]) -> bool:
    return any(shows(path, each) for each in ids)


def are_built(warehouse: Warehouse) -> bool:
    """Whether the tables that `prune_events` takes rows from are there."""
    with closing(warehouse.connect()) as db:
        return all(exists(db, table) for table in _BY_EVENT_DAY)


def count_events(warehouse: Warehouse, before: date) -> dict[str, int]:
    """How many rows `prune_events` would delete, by table; 0 of one that is not built yet."""
    days, found = DayRange(date.min, before), {}
    for table, column in _BY_EVENT_DAY.items():
        with closing(warehouse.connect()) as db:
            found[table] = (
                sum(counts(db, table, [column], days).values()) if exists(db, table) else 0
            )
    return found


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
    deleted = count_events(warehouse, before)
    arguments = json.dumps({"before": f"{before}"})
    failures: list[str] = []

    def note_failure(event: EventMsg) -> None:
        """An operation's error is in no result."""
        if event.info.name in ("RunningOperationCaughtError", "RunningOperationUncaughtError"):
            failures.append(event.data.exc)

    operation = ["run-operation", "prune", "--args", arguments, "--log-level", "none"]
    outcome = invoke(warehouse, operation, on_event=note_failure)
    if not outcome.success:
        why = of_invocation(outcome.exception or " ".join(failures))
        raise UserError(f"the days before {before} were not dropped: {why}")
    return deleted
