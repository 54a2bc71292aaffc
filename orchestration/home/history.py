"""Dagster's history in Postgres: over connections that stay open, and for as long as events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Self

import dagster as dg
from dagster_postgres import DagsterPostgresStorage

from core.errors import UserError
from core.settings import local_dir
from core.warehouse.connection import connect
from core.warehouse.writable import require_writable
from orchestration.home.prepare import prepare_home
from orchestration.home.settings import DAGSTER_HOME


class History(DagsterPostgresStorage):
    """Dagster's own storage opens up to three connections for each event: a run of 30 days, 2,100
    events, takes 81 s with them and 39 s without (docs/adr/0005)."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """As dagster.yaml says, then with a pool: what Dagster's web server does for itself.

        Raises:
            UserError: the server is read-only, or a pooler whose connections are no sessions.
        """
        url = config_value["postgres_url"].replace("+psycopg2", "", 1)
        with closing(connect("DAGSTER_HISTORY_URL", dsn=url)) as db:
            require_writable(db)
        storage = cls(config_value["postgres_url"], inst_data=inst_data)
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.optimize_for_webserver(statement_timeout=0, pool_recycle=-1, max_overflow=-1)
        # Dagster asks which tables and columns there are with each event or run; they stay.
        for part, question in (
            (storage.event_log_storage, "has_table"),
            (storage.event_log_storage, "has_asset_key_col"),
            (storage.run_storage, "has_run_stats_index_cols"),
            (storage.run_storage, "has_backfill_id_column"),
        ):
            setattr(part, question, cache(getattr(part, question)))
        return storage


def delete_runs(before: date) -> int:
    """Delete Dagster's finished runs from before a UTC day, with their events: what they built is
    as old. Returns how many. Nothing is made where there is no history.

    Raises:
        UserError: the embedded Postgres does not start.
    """
    with _kept_history() as instance:
        if instance is None:
            return 0
        older = dg.RunsFilter(created_before=datetime.combine(before, time(), UTC))
        runs = [run for run in instance.get_runs(older) if run.is_finished]
        for run in runs:
            instance.delete_run(run.run_id)
        return len(runs)


def delete_runs_that_show(user: str) -> int:
    """Delete Dagster's runs whose previews show a user, with their events. Returns how many.

    The days that they built are then unknown to Dagster, like those that `make transform` built.

    Raises:
        UserError: a run that goes on shows the user, or the embedded Postgres does not start.
    """
    with _kept_history() as instance:
        if instance is None:
            return 0
        shown = [run for run in instance.get_runs() if _shows(instance, run, user)]
        for run in shown:
            if run.is_finished:
                instance.delete_run(run.run_id)
        unfinished = [run.run_id for run in shown if not run.is_finished]
        if unfinished:
            raise UserError(
                f"USER_ID={user!r} is shown by a Dagster run that has not ended, {unfinished[0]}: "
                "run make forget again when it has, or terminate it"
            )
        return len(shown)


def _shows(instance: dg.DagsterInstance, run: dg.DagsterRun, user: str) -> bool:
    """Whether a preview of a run has a user as a cell, or within quotes in one."""
    name = re.escape(user)
    has_user = re.compile(rf"""\| {name} \||"{name}"|'{name}'""")
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    for entry in instance.all_logs(run.run_id, of_type=kind):
        built = entry.asset_materialization
        preview = built.metadata.get("preview") if built else None
        if preview and has_user.search(f"{preview.value}"):
            return True
    return False


@contextmanager
def _kept_history() -> Iterator[dg.DagsterInstance | None]:
    """Dagster's instance, where one has been used; None, and nothing made, where none has."""
    if not DAGSTER_HOME.read() and not (local_dir() / "dagster").exists():
        yield None
        return
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield instance
