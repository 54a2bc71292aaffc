"""Pruning old events and forgetting a user: gone everywhere, and the counts still add up."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pandas as pd
import pytest

from core.errors import NotFound
from ingestion.forget import forget_user
from tests.helpers.pipeline import FACTS, build, deliver, event, full_refresh, ingest_files, query
from tests.helpers.processes import run, run_fresh

pytestmark = pytest.mark.tables_built

TODAY = datetime.now(UTC).date()
OLD, RECENT = [(TODAY - timedelta(days=n)).isoformat() for n in (10, 2)]
COUNTS = """
    select ingest_date::text, received, fact, duplicate, quarantined, is_complete
    from analytics.row_accounting order by 1
"""


def fill(warehouse, tmp_path):
    profile = {"tier": "free", "region": "EU", "updated_at": "2025-06-01T00:00:00Z"}
    deliver(
        tmp_path / "events",
        OLD,
        [event("old", f"{OLD}T10:00:00Z"), event("bad", f"{OLD}T10:00:00Z", event_type=None)],
    )
    deliver(
        tmp_path / "events",
        RECENT,
        [
            event("late", f"{OLD}T11:00:00Z"),
            event("new", f"{RECENT}T10:00:00Z"),
            event("new", f"{RECENT}T10:00:00Z"),
            event("theirs", f"{RECENT}T10:00:00Z", user_id="u10", properties={"friend": "u1"}),
            event("rejected", "never", user_id=None, properties={"who": ["u1"]}),
            '{"user_id": "u1", "truncated',
            '{"user_id": "u10", "truncated',
        ],
    )
    users = [profile | {"user_id": user} for user in ("u1", "u10")]
    deliver(tmp_path / "profiles", OLD, users)
    timeless = [user | {"updated_at": None} for user in users]
    deliver(tmp_path / "profiles", RECENT, [*users, *timeless])
    ingest_files(warehouse, tmp_path / "events", OLD, RECENT, profiles_url=tmp_path / "profiles")
    build()


PARTITIONS = """
    select substring(pg_get_expr(relpartbound, 0) from 'FROM \\(''(.+?)''\\)')
    from pg_inherits inner join pg_class on pg_class.oid = inhrelid
    where inhparent = 'analytics.fact_events'::regclass order by 1
"""


def receipt(output: str) -> dict[str, int]:
    """What was deleted from where, as the table in the terminal has it."""
    rows = re.findall(r"^│ *\S+ *│ (.+?) *│ *([\d,]+) │$", output, re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in rows}


def rows_of_a_load_that_never_completed(warehouse, day: str) -> None:
    """As a killed ingestion leaves them: in raw, and not on the ledger."""
    query(
        warehouse,
        """insert into raw.loads (load_id, source, first_day, last_day)
        values ('dead', 'canonical', %s, %s) returning 1""",
        day,
        day,
    )
    for table, columns in (("events", "event_date"), ("user_profiles", "updated_at")):
        query(
            warehouse,
            f"""insert into raw.{table} (user_id, {columns}, ingest_date, source, _dlt_load_id)
            values ('u1', %s, %s, 'canonical', 'dead') returning 1""",
            day,
            day,
        )


def same_after_a_full_refresh(warehouse) -> None:
    before = query(warehouse, FACTS), query(warehouse, COUNTS)
    full_refresh()
    assert (query(warehouse, FACTS), query(warehouse, COUNTS)) == before


def test_prune(built):
    replaced = """insert into raw.loads values ('gone', 'canonical', current_date, current_date,
            now() - interval '20 days', now() - interval '20 days');
        insert into raw._dlt_loads values ('gone', 'fact_events', 0, now(), 'x'); select 1"""
    query(built, replaced)  # a load that later ones replaced
    assert query(built, COUNTS) == [(OLD, 2, 1, 0, 1, True), (RECENT, 7, 3, 1, 3, True)]
    done = run_fresh("commands.prune", KEEP_DAYS="5")
    assert done.returncode == 0, done.stderr
    assert receipt(done.stdout) == {
        "raw.events": 3,
        "raw.user_profiles": 0,
        "analytics.fact_events": 2,
        "analytics.regional_daily_events": 1,
        "analytics.weekly_active_users": ANY,  # which day is today: tests/integration/test_weeks.py
        "intermediate.int_event_day_counts": 2,
        "Dagster's runs": 0,
    }
    assert query(built, PARTITIONS) == [(RECENT,)]
    assert {row[0] for row in query(built, FACTS)} == {"new", "theirs"}
    assert query(built, COUNTS) == [(RECENT, 6, 2, 1, 3, True)]
    first = "select min(event_date)::text from analytics.regional_daily_events"
    assert query(built, first) == [(RECENT,)]
    assert query(built, "select count(*) from raw.user_profiles") == [(6,)], "history is needed"
    for loads in ("raw.loads", "raw._dlt_loads"):
        assert query(built, f"select count(*) from {loads}") == [(1,)], loads
    same_after_a_full_refresh(built)


def test_forget(built):
    done = run_fresh("commands.forget", USER_ID="u1")
    assert done.returncode == 0, done.stderr
    assert receipt(done.stdout) == {
        "raw.events": 7,
        "raw.user_profiles": 3,
        "analytics.fact_events": 3,
        "analytics.dim_user_versions": 1,
        "Dagster's runs": 0,
    }
    assert [row[:2] for row in query(built, FACTS)] == [("theirs", "u10")]
    assert query(built, COUNTS) == [(OLD, 0, 0, 0, 0, True), (RECENT, 2, 1, 0, 1, True)]
    for table in ("dim_users", "dim_user_versions"):
        assert query(built, f"select distinct user_id from analytics.{table}") == [("u10",)]
    assert query(built, "select record from analytics.quarantined_events") == [
        ('{"user_id": "u10", "truncated',)
    ]
    rejected = "select record ->> 'user_id' from analytics.quarantined_profiles"
    assert query(built, rejected) == [("u10",)]
    assert query(
        built, "select sum(received), sum(quarantined) from analytics.profile_accounting"
    ) == [(3, 1)]
    assert query(built, "select count(*) from raw.events where payload::text ~ '\\mu1\\M'") == [
        (1,)
    ], "a record of another user that mentions them stays"
    same_after_a_full_refresh(built)


def test_bad_settings_are_one_line_and_change_nothing(built):
    before = query(built, "select count(*) from raw.events")
    for command, settings, named in (
        ("prune", {}, "KEEP_DAYS=''"),
        ("prune", {"KEEP_DAYS": "0"}, "KEEP_DAYS='0'"),
        ("prune", {"KEEP_DAYS": "-3"}, "KEEP_DAYS='-3'"),
        ("forget", {"USER": "root"}, "USER_ID is not set"),
    ):
        done = run(f"commands.{command}", **settings)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {named}")
        assert done.stderr.count("\n") == 1
    assert query(built, "select count(*) from raw.events") == before


def test_forget_quotes_what_it_is_given(built):
    before = query(built, FACTS)
    done = run("commands.forget", USER_ID="o'x\\ .*")
    assert done.returncode == NotFound.status == 3
    assert done.stderr == (
        """error: USER_ID="o'x\\\\ .*" is unknown: no table, file or run has them\n"""
    )
    assert query(built, FACTS) == before


def test_the_last_day_that_is_kept(copy_of, landing_tables, tmp_path):
    """Of KEEP_DAYS days today is the first: with 5, what happened four days ago stays.

    Nothing is built yet: that is done first.
    """
    warehouse = copy_of(landing_tables)
    kept, gone = [f"{TODAY - timedelta(days=n)}" for n in (4, 5)]
    records = [event("kept", f"{kept}T00:00:00Z"), event("gone", f"{gone}T23:59:59Z")]
    deliver(tmp_path, kept, records)
    ingest_files(warehouse, tmp_path, kept)
    done = run("commands.prune", KEEP_DAYS="5")
    assert done.returncode == 0, done.stderr
    assert receipt(done.stdout)["analytics.fact_events"] == 1
    assert {row[0] for row in query(warehouse, FACTS)} == {"kept"}
    # The partition that ends with the first day that is kept.
    assert query(warehouse, PARTITIONS) == [(kept,)]
    days = "select distinct event_date::text from analytics.event_days order by 1"
    assert query(warehouse, days) == [(kept,)]


@pytest.mark.parametrize("command", ["prune", "forget"])
def test_rows_of_a_load_that_never_completed_go_and_were_never_counted(built, command):
    before = query(built, COUNTS)
    commands = {
        "prune": {"KEEP_DAYS": "11"},  # nothing of what was delivered is older
        "forget": {"USER_ID": "nobody"},
    }
    rows_of_a_load_that_never_completed(built, f"{TODAY - timedelta(days=20)}")
    tables = ("raw.events", "raw.user_profiles")
    for table in tables:
        nobodys = f"update {table} set user_id = 'nobody' where _dlt_load_id = 'dead' returning 1"
        query(built, nobodys)
    done = run(f"commands.{command}", **commands[command])
    assert done.returncode == 0, done.stderr
    assert receipt(done.stdout)["raw.events"] == 1
    dead = "select count(*) from {} where _dlt_load_id = 'dead'"
    left = [query(built, dead.format(table)) for table in tables]
    assert left == [[(0,)], [(1 if command == "prune" else 0,)]], "prune keeps the profiles"
    assert query(built, COUNTS) == before
    ledger = "select count(*) from raw.deliveries where rows < 0"
    assert query(built, ledger) == [(0,)]


def test_a_dead_load_of_a_day_that_was_delivered_is_not_taken_off_its_ledger(built):
    """The same source, day, event day and region as live rows: only those were counted."""
    columns = "event_id, event_type, event_ts, region, payload, ingest_date, event_date, source"
    query(
        built,
        f"""insert into raw.loads (load_id, source, first_day, last_day)
        values ('dead', 'canonical', '{RECENT}', '{RECENT}');
        insert into raw.events ({columns}, user_id, _dlt_load_id)
        select {columns}, 'nobody', 'dead' from raw.events where event_id = 'theirs';
        select 1""",
    )
    ledger = [
        "select * from raw.deliveries order by table_name, ingest_date",
        "select * from raw.delivered_days order by table_name, ingest_date, event_date, region",
        "select kind, day, version from raw.day_versions order by kind, day",
    ]
    before = [query(built, table) for table in ledger]
    deleted = forget_user(built, "nobody")
    assert deleted == {"raw.events": 1, "raw.user_profiles": 0}
    assert [query(built, table) for table in ledger] == before


def test_a_killed_forget_is_finished_by_the_next(built):
    """Killed when the records had left raw, and nothing was built yet."""
    forget_user(built, "u1")
    assert "u1" in {row[1] for row in query(built, FACTS)}
    done = run("commands.forget", USER_ID="u1")
    assert done.returncode == 0, done.stderr
    assert receipt(done.stdout)["raw.events"] == 0
    assert receipt(done.stdout)["analytics.fact_events"] == 3
    assert {row[1] for row in query(built, FACTS)} == {"u10"}
    same_after_a_full_refresh(built)


def test_a_user_who_is_still_somewhere_is_told(built):
    """In a table that no record of theirs has led to, so that no build takes them out."""
    query(
        built,
        """insert into analytics.dim_user_versions (user_id, version_number, valid_from)
        values ('ghost', 1, now()) returning 1""",
    )
    done = run("commands.forget", USER_ID="ghost")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: USER_ID is still in analytics.dim_user_versions: run make forget again"
    )
    assert receipt(done.stdout)["raw.events"] == 0, "what was done until then"


def test_a_partition_that_somebody_reads_is_not_dropped_and_that_is_said(built):
    of_day = "select min(tableoid::regclass::text) from analytics.fact_events where event_date = %s"
    [(partition,)] = query(built, of_day, OLD)
    query(built, f"create view analytics.theirs as select * from {partition}; select 1")
    done = run("commands.prune", KEEP_DAYS="5")
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"error: the days before {TODAY - timedelta(days=4)} were not dropped: ")
    assert len(query(built, "select event_id from analytics.theirs")) == 2


def test_who_holds_the_facts_is_named(built):
    with closing(built.connect()) as reader, reader.cursor() as cursor:
        cursor.execute("begin; select from analytics.fact_events")
        done = run("commands.prune", KEEP_DAYS="5", SWAP_WAIT="1")
        pid = reader.info.backend_pid
        assert f"was held for 1 s (SWAP_WAIT): pid {pid} (postgres) reads it since " in done.stderr
    assert done.returncode == 2
    assert run("commands.prune", KEEP_DAYS="5").returncode == 0


def test_files_of_python_assets_lose_the_user(built, tmp_path):
    folder = tmp_path / "storage" / "user_activity_features"
    folder.mkdir(parents=True)
    frame = pd.DataFrame({"user_id": ["u1", "u10"], "events": [3, 4]})
    frame.to_parquet(folder / f"{RECENT}.parquet")
    (folder / "model.joblib").write_bytes(b"weights")
    settings = {"USER_ID": "u1", "STORAGE_URL": f"{tmp_path}/storage"}
    done = run("commands.forget", **settings)
    assert done.returncode == 0, done.stderr
    assert receipt(done.stdout)["user_activity_features"] == 1
    left = pd.read_parquet(folder / f"{RECENT}.parquet")
    assert left.to_dict("list") == {"user_id": ["u10"], "events": [4]}
    assert sorted(path.name for path in folder.iterdir()) == [f"{RECENT}.parquet", "model.joblib"]
