"""Dagster's history: where it is, and what it takes to write it."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg

from commands.dagster_home import DATABASE, prepare_home
from ingestion.warehouse import start_embedded, stop_embedded
from tests.support import query

CONNECTIONS = "select pid from pg_stat_activity where datname = 'dagster' order by pid"
DAYS = [f"2026-03-{day:02}" for day in range(1, 21)]
KEY = dg.AssetKey("a")


def test_it_is_in_the_embedded_postgres_over_connections_that_stay(monkeypatch):
    monkeypatch.setenv("PGHOST", "warehouse.example.com")  # elsewhere, and away
    monkeypatch.setenv("PGDATABASE", "facts")
    for name in ("DAGSTER_HOME", "DAGSTER_HISTORY_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    prepare_home()
    server = start_embedded("postgres")
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=DAYS[0]))
        connections = query(server, CONNECTIONS)
        for day in DAYS[1:]:
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))
        assert connections
        assert query(server, CONNECTIONS) == connections
    history = replace(server, database=DATABASE)
    assert query(history, "select count(*) from event_logs") == [(len(DAYS),)]
    names = "select datname from pg_database where not datistemplate order by 1"
    assert query(server, names) == [("dagster",), ("postgres",)]  # nothing of the warehouse

    stop_embedded()  # `make down`
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(KEY) == set(DAYS)
    stop_embedded()


def test_a_home_of_the_users_own_stays_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert prepare_home() == tmp_path
    assert list(tmp_path.iterdir()) == []
