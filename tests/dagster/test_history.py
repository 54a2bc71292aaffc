"""Dagster's history: where it is, and what it takes to write it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from core.warehouse.embedded import start_embedded, stop_embedded
from orchestration.home.dagster_home import DATABASE, prepare_home
from orchestration.home.history import delete_runs
from tests.helpers.pipeline import query

CONNECTIONS = "select pid from pg_stat_activity where datname = 'dagster' order by pid"
DAYS = [f"2026-03-{day:02}" for day in range(1, 21)]
KEY = dg.AssetKey("a")


@dg.op
def builds(context: dg.OpExecutionContext) -> None:
    context.log_event(dg.AssetMaterialization(KEY, partition=context.run.tags["day"]))


@dg.job
def builds_a_day() -> None:
    builds()


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

        # `make prune`: finished runs of before a day, and what they say to have built.
        for day in ("2026-01-01", "2026-01-02"):
            builds_a_day.execute_in_process(instance=instance, tags={"day": day})
        [newer, older] = instance.get_runs()
        age = "update runs set create_timestamp = now() - interval '40 days' where run_id = %s"
        query(history, f"{age} returning 1", older.run_id)
        assert delete_runs(datetime.now(UTC).date() - timedelta(days=30)) == 1
        assert [run.run_id for run in instance.get_runs()] == [newer.run_id]
        assert instance.get_materialized_partitions(KEY) == {*DAYS, "2026-01-02"}
    stop_embedded()


def test_a_home_of_the_users_own_stays_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert prepare_home() == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_without_a_history_there_is_nothing_to_delete(tmp_path):
    assert delete_runs(datetime.now(UTC).date()) == 0
    assert not (tmp_path / "local" / "postgres").exists()
