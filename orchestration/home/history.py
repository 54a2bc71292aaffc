"""Dagster's history in Postgres: over connections that stay open, and for as long as events."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Self

import dagster as dg
from dagster_postgres import DagsterPostgresStorage

from core.settings import local_dir
from orchestration.home.dagster_home import prepare_home
from orchestration.settings import DAGSTER_HOME


class History(DagsterPostgresStorage):
    """Dagster's own storage opens up to three connections for each event: a run of 30 days, 2,100
    events, takes 81 s with them and 39 s without (docs/adr/0005)."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """As dagster.yaml says, then with a pool: what Dagster's web server does for itself."""
        storage = cls(config_value["postgres_url"], inst_data=inst_data)
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.optimize_for_webserver(statement_timeout=0, pool_recycle=-1, max_overflow=-1)
        # Dagster asks which tables and columns there are with each event or run; they stay.
        log, runs = storage.event_log_storage, storage.run_storage
        for part, question in (
            (log, "has_table"),
            (log, "has_asset_key_col"),
            (runs, "has_run_stats_index_cols"),
            (runs, "has_backfill_id_column"),
        ):
            setattr(part, question, cache(getattr(part, question)))
        return storage


def delete_runs(before: date) -> int:
    """Delete Dagster's finished runs from before a UTC day, with their events: what they built is
    as old. Returns how many. Nothing is made where there is no history.

    Raises:
        UserError: the embedded Postgres does not start.
    """
    if not DAGSTER_HOME.read() and not (local_dir() / "dagster").exists():
        return 0
    prepare_home()
    older = dg.RunsFilter(created_before=datetime.combine(before, time(), UTC))
    with dg.DagsterInstance.get() as instance:
        runs = [record.dagster_run for record in instance.get_run_records(older)]
        finished = [run.run_id for run in runs if run.is_finished]
        for run_id in finished:
            instance.delete_run(run_id)
    return len(finished)
