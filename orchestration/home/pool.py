"""Connections to the history: few, kept open, and closed with the instance that opened them."""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import Engine

from orchestration.home.settings import CONNECTIONS


def keep_connections(storage: DagsterPostgresStorage) -> None:
    """Give each part of a storage a pool, as Dagster's web server does for itself.

    The code server makes a storage for each tick of a sensor, and pools left to the garbage
    collector held 83 of a server's 100 connections after an hour: they end with the instance.
    """
    runs = storage.run_storage
    events = storage.event_log_storage
    engines = [_pooled(part) for part in (runs, events, storage.schedule_storage)]
    dispose = runs.dispose

    @wraps(dispose)
    def disposed() -> None:
        dispose()
        for engine in engines:
            engine.dispose()

    setattr(runs, "dispose", disposed)  # noqa: B010 - a method, for mypy
    # Dagster asks which tables and columns there are with each event or run; they stay.
    for part, question in (
        (events, "has_table"),
        (events, "has_asset_key_col"),
        (runs, "has_run_stats_index_cols"),
        (runs, "has_backfill_id_column"),
    ):
        setattr(part, question, cache(getattr(part, question)))


def _pooled(part: Any) -> Engine:
    """Give a part a pool, and return its engine."""
    optimize = part.optimize_for_webserver
    optimize(statement_timeout=0, pool_recycle=-1, max_overflow=CONNECTIONS - 1)
    opened = part.index_connection if isinstance(part, PostgresEventLogStorage) else part.connect
    with opened() as db:
        engine: Engine = db.engine
    engine.dispose()  # a tick of a sensor needs one or two of the three

    @wraps(optimize)
    def optimized(**others: int) -> None:
        engine.dispose()
        optimize(**others)

    part.optimize_for_webserver = optimized
    return engine
