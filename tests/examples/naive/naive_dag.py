"""A daily DAG as it is often found, with its faults, which `make compare` names.

It appends, so a day that runs again is there twice; it keeps only events of its own day, so late
ones are lost; it joins the users as they are now; and by plain cron Airflow 3 gives it the moment
of the run as the logical date: at 03:00 `ds` is a day of which three hours are there.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import dag, task

TABLE = """
    create schema if not exists naive;
    create table if not exists naive.fact_events (
        event_id text, user_id text, event_type text, event_ts timestamptz, event_date date,
        region text, user_tier text, user_region text, properties jsonb, ingest_date date
    )
"""
# The profiles as they are now, of whatever day the events are.
ENRICH = """
    update naive.fact_events as fact
    set user_tier = coalesce(now.tier, 'unknown'), user_region = coalesce(now.region, 'unknown')
    from (select user_id, tier, region from analytics.dim_users) as now
    where fact.event_date = '{{ ds }}' and now.user_id = fact.user_id
"""
FIELDS = ["event_id", "user_id", "event_type", "event_ts"]
COLUMNS = [*FIELDS, "event_date", "region", "user_tier", "user_region", "properties", "ingest_date"]


@dag(schedule="0 3 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def naive_events() -> None:
    """Create → load → enrich."""

    @task
    def load(ds: str) -> int:
        """Append the events of the day's file."""
        lines = Path(os.environ["NAIVE_FOLDER"], f"{ds}.jsonl").read_text().splitlines()
        rows = [
            (
                *(record[name] for name in FIELDS),
                ds,
                record["region"],
                "unknown",
                "unknown",
                json.dumps(record["properties"]),
                ds,
            )
            for record in map(json.loads, lines)
            if record["event_ts"].startswith(ds)
        ]
        PostgresHook("warehouse").insert_rows("naive.fact_events", rows, COLUMNS)
        return len(rows)

    create = SQLExecuteQueryOperator(task_id="create", conn_id="warehouse", sql=TABLE)
    enrich = SQLExecuteQueryOperator(task_id="enrich", conn_id="warehouse", sql=ENRICH)
    create >> load() >> enrich


naive_events()
