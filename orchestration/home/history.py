"""Dagster's history in Postgres: over connections that stay open, and for as long as events."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from core.errors import UserError
from core.settings import local_dir
from core.traces import is_said, remove_lines
from core.warehouse.connection import connect
from core.warehouse.writable import require_writable
from orchestration.dbt.preview import values
from orchestration.home.launched_by import tag_runs
from orchestration.home.life import show_life
from orchestration.home.pool import keep_connections
from orchestration.home.prepare import prepare_home
from orchestration.home.settings import DAGSTER_HISTORY_URL, DAGSTER_HOME

RUNS = "Dagster's runs"  # in receipts
FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


class History(DagsterPostgresStorage):
    """Dagster's own storage opens up to three connections for each event: a run of 30 days, 2,100
    events, takes 81 s with them and 39 s without (docs/adr/0005)."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """As dagster.yaml says, then with pools that are bounded.

        Raises:
            UserError: the server is read-only, or a pooler whose connections are no sessions.
        """
        url = config_value["postgres_url"].replace("+psycopg2", "", 1)
        with closing(connect("DAGSTER_HISTORY_URL", dsn=url)) as db:
            require_writable(db)
        storage = cls(config_value["postgres_url"], inst_data=inst_data)
        keep_connections(storage)
        show_life(storage, url)
        tag_runs(storage)
        return storage


def count_runs(before: date) -> int:
    """How many runs `delete_runs` would delete."""
    with kept_history() as instance:
        return len(_older(instance, before)) if instance else 0


def delete_runs(before: date) -> int:
    """Delete Dagster's finished runs from before a UTC day, with their events: what they built is
    as old. Returns how many. Nothing is made where there is no history.

    Raises:
        UserError: the embedded Postgres does not start.
    """
    with kept_history() as instance:
        return delete_finished(instance, before) if instance else 0


def delete_finished(instance: dg.DagsterInstance, before: date, limit: int | None = None) -> int:
    """Delete finished runs from before a UTC day, the oldest first. Returns how many.

    Args:
        instance: whose runs.
        before: the first day whose runs stay.
        limit: how many runs to look at; all, unless given.
    """
    runs = _older(instance, before, limit)
    for run in runs:
        _delete(instance, run)
    return len(runs)


def _delete(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Delete a run, with its events, the logs of its steps, and what it kept on this machine."""
    instance.delete_run(run.run_id)
    instance.compute_log_manager.delete_logs(prefix=[run.run_id])
    shutil.rmtree(Path(instance.root_directory) / "storage" / run.run_id, ignore_errors=True)


def _older(
    instance: dg.DagsterInstance, before: date, limit: int | None = None
) -> list[dg.DagsterRun]:
    older = dg.RunsFilter(created_before=datetime.combine(before, time(), UTC), statuses=FINISHED)
    return [*instance.get_runs(older, limit=limit, ascending=True)]


def count_runs_that_show(*ids: str) -> int:
    """How many of Dagster's runs show a user in an event: a preview, or an error."""
    with kept_history() as instance:
        return len(_shown(instance, ids)) if instance else 0


def delete_runs_that_show(*ids: str) -> int:
    """Delete Dagster's runs that show a user, with their events and logs; of other runs' logs the
    lines. Returns how many runs.

    The days that they built are then unknown to Dagster, like those that `make transform` built.

    Raises:
        UserError: a run that goes on shows the user, or the embedded Postgres does not start.
    """
    with kept_history() as instance:
        if instance is None:
            return 0
        shown = _shown(instance, ids)
        for run in shown:
            if run.is_finished:
                _delete(instance, run)
        for key in instance.get_asset_keys():
            _renew_latest(instance, key, ids)
        home = Path(instance.root_directory)
        for log in [*home.rglob("*.out"), *home.rglob("*.err"), *home.rglob("*.log")]:
            for each in ids:
                remove_lines(log, each)
        unfinished = [run.run_id for run in shown if not run.is_finished]
        if unfinished:
            raise UserError(
                f"USER_ID is shown by a Dagster run that has not ended, {unfinished[0]}: "
                "run make forget again when it has, or terminate it"
            )
        return len(shown)


def is_going_on(run_id: str) -> bool:
    """Whether there is such a run of Dagster, and it has not ended."""
    with kept_history() as instance:
        run = instance.get_run_by_id(run_id) if instance else None
        return run is not None and not run.is_finished


def _shown(instance: dg.DagsterInstance, ids: Sequence[str]) -> list[dg.DagsterRun]:
    return [
        run
        for run in instance.get_runs()
        if any(_shows(entry, each) for entry in instance.all_logs(run.run_id) for each in ids)
    ]


def _shows(entry: dg.EventLogEntry, user: str) -> bool:
    """Whether an event has a user: in a row of its preview, or named by a message or an error."""
    built = entry.asset_materialization
    preview = built.metadata.get("preview") if built else None
    if preview:
        table = f"{preview.value}"
        is_odd = " | " in user or len(user.splitlines()) > 1  # no cell of a table by itself
        if user in values(table, "user_id") or (is_odd and user in table):
            return True
    return is_said(dg.serialize_value(entry), user)


def _renew_latest(instance: dg.DagsterInstance, key: dg.AssetKey, ids: Sequence[str]) -> None:
    """Dagster keeps each asset's latest event a second time, also when its run is deleted."""
    [record] = instance.get_asset_records([key])
    latest = record.asset_entry.last_materialization
    if latest is None or not any(_shows(latest, each) for each in ids):
        return
    left = instance.fetch_materializations(key, limit=1).records
    storage = instance.event_log_storage
    if not left:
        instance.wipe_assets([key])
    elif isinstance(storage, PostgresEventLogStorage):
        storage.store_asset_event(left[0].event_log_entry, left[0].storage_id)
    else:
        raise UserError(
            f"DAGSTER_HOME={instance.root_directory}: the latest event of {key.to_user_string()} "
            "shows the user: build one of its days anew, then run make forget again"
        )


@contextmanager
def kept_history() -> Iterator[dg.DagsterInstance | None]:
    """Dagster's instance, where one has been used; None, and nothing made, where none has."""
    named = DAGSTER_HOME.read() or DAGSTER_HISTORY_URL.read()
    if not named and not (local_dir() / "dagster").exists():
        yield None
        return
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield instance
