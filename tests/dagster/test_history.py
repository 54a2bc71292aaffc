"""Dagster's history: where it is, and what it takes to write it."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from core.errors import UserError
from core.traces import is_said
from core.warehouse.connection import Warehouse
from core.warehouse.embedded import start_embedded, stop_embedded
from orchestration import resources
from orchestration.automation import ledger_sensor
from orchestration.dbt.preview import markdown
from orchestration.home.history import delete_finished, delete_runs, delete_runs_that_show
from orchestration.home.prepare import DATABASE, prepare_home
from orchestration.old_runs import old_runs
from tests.conftest import administer
from tests.helpers.pipeline import query
from tests.helpers.servers import may_lose_data
from tests.helpers.waiting import wait_until

CONNECTIONS = "select pid from pg_stat_activity where datname = 'dagster' order by pid"
DAYS = [f"2026-03-{day:02}" for day in range(1, 21)]
KEY = dg.AssetKey("a")


@dg.op
def builds(context: dg.OpExecutionContext) -> None:
    tags = context.run.tags
    row = {"user_id": tags.get("user"), "payload": {"friend": tags.get("friend")}}
    preview = dg.MetadataValue.md(markdown([row]))
    context.log_event(
        dg.AssetMaterialization(KEY, partition=tags["day"], metadata={"preview": preview})
    )


@dg.job
def builds_a_day() -> None:
    builds()


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    """A LOCAL_DIR whose Postgres serves all tests here.

    Not below pytest's own directory, see tests/conftest.py: the server would lose it.
    """
    with tempfile.TemporaryDirectory(prefix="fact-events-tests-") as directory:
        yield directory
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LOCAL_DIR", directory)
            stop_embedded()


@pytest.fixture
def server(embedded, monkeypatch) -> Iterator[Warehouse]:
    """The embedded Postgres with an empty history, where the warehouse is elsewhere, and away."""
    monkeypatch.setenv("PGHOST", "warehouse.example.com")
    monkeypatch.setenv("PGDATABASE", "facts")
    for name in ("DAGSTER_HOME", "DAGSTER_HISTORY_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    monkeypatch.setenv("LOCAL_DIR", embedded)
    found = start_embedded("postgres")
    may_lose_data(found)
    prepare_home()
    yield found
    administer(found, "drop database {} with (force)", DATABASE)


def test_it_is_in_the_embedded_postgres_over_connections_that_stay(server, monkeypatch):
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=DAYS[0]))
        connections = {*query(server, CONNECTIONS)}
        for day in DAYS[1:]:
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))
        left = {*query(server, CONNECTIONS)}  # one that was closed may have been there a moment
        assert left
        assert left <= connections
    history = replace(server, database=DATABASE)
    assert query(history, "select count(*) from event_logs") == [(len(DAYS),)]
    names = "select datname from pg_database where not datistemplate order by 1"
    assert query(server, names) == [("dagster",), ("postgres",)]  # nothing of the warehouse

    stop_embedded()  # `make down`
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_HISTORY_URL", "")
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "7")
    prepare_home()
    assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "7", "as the user has set it"
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(KEY) == set(DAYS)


def test_prune_deletes_finished_runs_from_before_a_day(server):
    before = datetime.now(UTC).date() - timedelta(days=30)
    moments = {  # of creation, UTC
        "gone": f"{before - timedelta(days=1)} 23:59:59",
        "kept": f"{before} 00:00:01",
        "goes on": f"{before - timedelta(days=9)} 12:00:00",
    }
    history = replace(server, database=DATABASE)
    with dg.DagsterInstance.get() as instance:
        ids = {}
        for day, (name, moment) in zip(DAYS, moments.items(), strict=False):
            run = builds_a_day.execute_in_process(instance=instance, tags={"day": day})
            ids[name] = run.run_id
            age = "update runs set create_timestamp = %s where run_id = %s returning 1"
            query(history, age, moment, run.run_id)
        going_on = "update runs set status = 'STARTED' where run_id = %s returning 1"
        query(history, going_on, ids["goes on"])
        assert delete_runs(before) == 1
        left = {run.run_id for run in instance.get_runs()}
        assert left == {ids["kept"], ids["goes on"]}
        assert instance.get_materialized_partitions(KEY) == set(DAYS[1:3])


def test_forget_deletes_runs_whose_previews_show_the_user(server):
    with dg.DagsterInstance.get() as instance:
        people = (("u1", "u3"), ("u10", "u10"), ("u2", "u1"))
        for day, (user, friend) in zip(DAYS[:3], people, strict=True):
            tags = {"day": day, "user": user, "friend": friend}
            builds_a_day.execute_in_process(instance=instance, tags=tags)
        assert delete_runs_that_show("u1") == 2
        assert delete_runs_that_show("u1") == 0
        assert instance.get_materialized_partitions(KEY) == {DAYS[1]}

        # One that goes on is told, and stays until it has ended.
        [shown] = instance.get_runs()
        going_on = "update runs set status = 'STARTED' where run_id = %s returning 1"
        query(replace(server, database=DATABASE), going_on, shown.run_id)
        with pytest.raises(UserError, match=f"USER_ID is shown by a Dagster run .* {shown.run_id}"):
            delete_runs_that_show("u10")
        assert [run.run_id for run in instance.get_runs()] == [shown.run_id]


@dg.op
def fails(context: dg.OpExecutionContext) -> None:
    """As a build does that meets a unique constraint; and says so in its log."""
    reason = f"Key (event_date, user_id, event_id)=(2026-03-01, {context.run.tags['user']}, e1)"
    context.log.info(reason)
    raise dg.Failure(reason, metadata={"dagster/row_count": 17})


@dg.job
def fails_a_day() -> None:
    fails()


TABLES = """select table_name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE'"""


@pytest.mark.parametrize("user", ["17", "o'x@y.org"])
def test_forget_leaves_nothing_of_a_user_in_the_history(server, user):
    """Also not what Dagster keeps of an asset's latest event, and files; numbers are no user."""
    with dg.DagsterInstance.get() as instance:
        for day, name in zip(DAYS, ("5", user), strict=False):
            tags = {"day": day, "user": name, "friend": "6"}
            builds_a_day.execute_in_process(instance=instance, tags=tags)
        for name in ("5", user):
            fails_a_day.execute_in_process(
                instance=instance, tags={"user": name}, raise_on_error=False
            )
        kept, gone = ([run.run_id for run in instance.get_runs()][at::2] for at in (1, 0))
        logs = Path(instance.root_directory) / "storage"
        for run_id in (*kept, *gone):
            (logs / run_id / "compute_logs").mkdir(parents=True, exist_ok=True)
            (logs / run_id / "compute_logs" / "x.err").write_text(f"one\nuser {user} it was\n")
        latest = instance.get_asset_records([KEY])[0].asset_entry.last_materialization
        assert latest
        assert user in f"{latest}"
        assert delete_runs_that_show(user) == 2
        assert {run.run_id for run in instance.get_runs()} == {*kept}
        latest = instance.get_asset_records([KEY])[0].asset_entry.last_materialization
        assert latest
        assert latest.run_id in kept
        assert {path.read_text() for path in logs.rglob("x.err")} == {"one\n"}
        written = [path.read_text() for path in logs.rglob("*.*") if path.is_file()]
        assert not any(is_said(text, user) for text in written)
    history = replace(server, database=DATABASE)
    rows = [
        text
        for (table,) in query(history, TABLES)
        for (text,) in query(history, f"select t::text from {table} as t")
    ]
    assert any(is_said(row, "5") for row in rows)
    assert [row for row in rows if is_said(row, user) or f"| {user} |" in row] == []


def test_the_ledger_waits_for_a_run_that_is_queued(server):
    """Only a daemon can queue one: here it is said to Postgres."""
    with dg.DagsterInstance.get() as instance:
        run = builds_a_day.execute_in_process(instance=instance, tags={"day": DAYS[0]})
        queued = "update runs set status = 'QUEUED' where run_id = %s returning 1"
        query(replace(server, database=DATABASE), queued, run.run_id)
        warehouse = {"warehouse": resources.Warehouse()}
        said = ledger_sensor(dg.build_sensor_context(instance=instance, resources=warehouse))
    assert said.skip_message == "a run is going on, which may build the days"


def test_a_home_of_the_users_own_stays_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert prepare_home() == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_without_a_history_there_is_nothing_to_delete(tmp_path):
    assert delete_runs(datetime.now(UTC).date()) == 0
    assert delete_runs_that_show("u1") == 0
    assert not (tmp_path / "local" / "postgres").exists()


def test_an_instance_closes_its_connections(server):
    """The code server makes one for each tick of each sensor."""
    dg.DagsterInstance.get().dispose()  # its tables are there
    before = {*query(server, CONNECTIONS)}
    kept = []
    for day in DAYS[:5]:
        with dg.DagsterInstance.get() as instance:
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))
            instance.get_runs()
            instance.all_instigator_state()
            assert {*query(server, CONNECTIONS)} - before
            kept.append(instance)  # not by the garbage collector
    wait_until(lambda: not {*query(server, CONNECTIONS)} - before)


def test_a_server_of_the_users_own_keeps_the_history(server, monkeypatch):
    """By its URL, with libpq's scheme: nothing else is started for it."""
    administer(server, "create database {}", "elsewhere")
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_HISTORY_URL", replace(server, database="elsewhere").url())
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=DAYS[0]))
    events = "select count(*) from event_logs"
    assert query(replace(server, database="elsewhere"), events) == [(1,)]
    administer(server, "drop database {} with (force)", "elsewhere")


# A simulated day: copies of a run, with the 1,000 events of a day that is pulled each hour.
RUNS, EVENTS = 6, 180
A_RUN = """insert into runs (run_id, pipeline_name, mode, status, run_body, create_timestamp,
        update_timestamp)
    select %(copy)s, pipeline_name, mode, status, replace(run_body, run_id, %(copy)s), %(at)s,
        %(at)s
    from runs where run_id = %(of)s returning 1"""
ITS_EVENTS = """insert into event_logs (run_id, event, dagster_event_type, timestamp, step_key,
        asset_key, partition)
    select %(copy)s, event, dagster_event_type, %(at)s, step_key, asset_key, partition
    from (select * from event_logs where run_id = %(of)s order by id) as e,
        generate_series(1, 100) limit %(events)s returning 1"""
SIZE = "select pg_database_size('dagster')"


@pytest.mark.full
def test_a_year_of_history_stays_under_a_size(server):
    history = replace(server, database=DATABASE)
    today, sizes = datetime.now(UTC).date(), {}
    with dg.DagsterInstance.get() as instance:
        made = builds_a_day.execute_in_process(instance=instance, tags={"day": DAYS[0]})
        for age in range(365, 0, -1):
            day = today - timedelta(days=age)
            with closing(history.connect()) as db, db.cursor() as cursor:
                for _ in range(RUNS):
                    copy = {"of": made.run_id, "copy": f"{uuid.uuid4()}", "at": f"{day} 12:00:00"}
                    cursor.execute(A_RUN, copy)
                    cursor.execute(ITS_EVENTS, copy | {"events": EVENTS})
                    assert cursor.rowcount == EVENTS
                delete_finished(instance, day - timedelta(days=90), 200)
                if age % 5 == 1:  # as autovacuum does
                    cursor.execute("vacuum")
            sizes[365 - age] = query(history, SIZE)[0][0] / 2**20
        assert instance.get_runs_count() == 91 * RUNS + 1
    print(sizes)
    assert sizes[364] < min(300, 1.3 * sizes[94]), f"MiB: {sizes}"


def test_the_sensor_deletes_runs_older_than_history_days(server, monkeypatch):
    monkeypatch.setenv("HISTORY_DAYS", "30")
    history = replace(server, database=DATABASE)
    with dg.DagsterInstance.get() as instance:
        ids = {}
        for days in (31, 29):
            run = builds_a_day.execute_in_process(instance=instance, tags={"day": DAYS[0]})
            ids[days] = run.run_id
            age = "update runs set create_timestamp = %s where run_id = %s returning 1"
            query(history, age, datetime.now(UTC) - timedelta(days=days), run.run_id)
        said = old_runs(dg.build_sensor_context(instance=instance))
        assert said.skip_message.startswith("1 runs from before ")
        assert [run.run_id for run in instance.get_runs()] == [ids[29]]
