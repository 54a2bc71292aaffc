"""The schema's version: empty databases, those of the version before, those of a newer one."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from psycopg2 import sql

from core.migrations import migrations
from core.warehouse.connection import Warehouse
from core.warehouse.embedded import psql_path
from core.warehouse.locks import LOAD_LOCK
from tests.helpers.pipeline import FACTS, build, deliver, event, query
from tests.helpers.processes import dbt, run, start, start_dbt
from tests.helpers.tiers import matrix
from tests.helpers.waiting import wait_until

# Four days ingested in two loads by the last version without migrations, each built: repeated
# events, rejected records, late ones, profiles that changed. By pg_dump --no-owner.
BEFORE = Path(__file__).parents[1] / "data" / "warehouse_before_migrations.sql.gz"
OURS = ("staging", "intermediate", "analytics")

# Of events: the versions of users, and what is counted of profiles, are derived once more.
BUILT = """select model, kind, day, version, built_at from intermediate.built_days
    where kind != 'profile_date' order by 1, 2, 3"""
VERSIONS = "select version from raw.schema_migrations order by 1"
VIEWS = """select oid::regclass::text, oid from pg_class
    where relkind = 'v' and relnamespace::regnamespace::text in %s order by 1"""
COLUMNS = """select table_schema, table_name, column_name, data_type, is_nullable
    from information_schema.columns where table_schema in ('raw', 'intermediate')
    order by 1, 2, 3"""
TABLES = (
    # Without a column that came later.
    """(select user_id, version_number, tier, region, valid_from, valid_to
        from analytics.dim_user_versions) as versions""",
    "analytics.quarantined_events",
    "analytics.regional_daily_events",
    """(select ingest_date, received, fact, duplicate, quarantined, is_complete
        from analytics.row_accounting) as accounting""",
    "analytics.dim_users",
    """(select event_date, ingest_date, valid_rows, fact_rows
        from intermediate.int_event_day_counts) as counts""",
)
# What has come since: which delivery was the first to say a version.
PROFILES = """select bool_and(is_complete and received = version + repeat + quarantined),
    sum(version) = (select count(*) from analytics.dim_user_versions)
    from analytics.profile_accounting"""


@pytest.fixture
def database(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A database without anything in it, named by the PG* variables."""
    name = sql.Identifier("test")
    with closing(server.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(name))
        found = Warehouse(server.host, server.port, server.user, "test")
        for variable, value in found.libpq_env().items():
            monkeypatch.setenv(variable, value)
        yield found
        cursor.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def before(database: Warehouse) -> Warehouse:
    """The warehouse of the version before, with what people have put there."""
    restore = [psql_path(), "--quiet", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null"]
    subprocess.run(restore, input=gzip.decompress(BEFORE.read_bytes()), check=True)
    query(
        database,
        """create view analytics."Their View" as select * from analytics.fact_events;
        comment on view analytics."Their View" is 'theirs [sql of the dashboard]';
        comment on view analytics.user_activity is 'who did what';
        create view analytics.of_users as select * from analytics.dim_users;
        comment on table analytics.regional_daily_events is 'for the map';
        select 1""",
    )
    return database


def rows(warehouse: Warehouse) -> dict[str, list[tuple[object, ...]]]:
    """The facts, and all rows of the other tables."""
    found = {table: query(warehouse, f"select * from {table} order by 1, 2") for table in TABLES}
    return found | {"facts": query(warehouse, FACTS)}


def transform_once(way: str) -> None:
    """Build what is out of date: by the project's command, or by dbt without it."""
    if way == "python":
        build()
    else:
        done = dbt("build", "--exclude-resource-type", "unit_test")
        assert done.returncode == 0, done.stdout


def test_an_empty_database_by_python_and_by_dbt_alone(database):
    build()
    by_python = [query(database, asked) for asked in (VERSIONS, COLUMNS)]
    assert by_python[0] == [(number,) for number in migrations()]
    query(
        database,
        "drop schema raw, staging, intermediate, analytics, partitions cascade; select 1",
    )
    done = dbt("run", "--select", "stg_events")
    assert done.returncode == 0, done.stdout
    assert [query(database, asked) for asked in (VERSIONS, COLUMNS)] == [
        by_python[0],
        [row for row in by_python[1] if not row[1].startswith(("_dlt", "int_"))],
    ]


@matrix("way", {"who comes first": {"python": "python", "dbt": "dbt"}})
def test_a_warehouse_of_the_version_before_is_opened(before, way):
    found, built, views = rows(before), query(before, BUILT), query(before, VIEWS, OURS)
    transform_once(way)
    assert query(before, VERSIONS) == [(number,) for number in migrations()]
    assert rows(before) == found
    assert query(before, BUILT) == built, "no day was built again"
    assert query(before, PROFILES) == [(True, True)]
    views_now = dict(query(before, VIEWS, OURS))
    assert views_now.items() >= dict(views).items(), "no view was dropped"

    marked = query(before, "select name from intermediate.marks where kind = 'view'")
    theirs = {'analytics."Their View"', "analytics.of_users"}
    assert {name for (name,) in marked} == views_now.keys() - theirs
    kept = """select obj_description('intermediate'::regnamespace),
        obj_description('raw'::regnamespace),
        obj_description('analytics."Their View"'::regclass),
        (select count(*) from pg_description where description ~ '\\[sql [0-9a-f]{32}\\]')"""
    assert query(before, kept) == [(None, None, "theirs [sql of the dashboard]", 0)]


@matrix("way", {"who comes first": {"python": "python", "dbt": "dbt"}})
def test_a_late_row_in_a_warehouse_of_the_version_before(before, tmp_path, way):
    """Of the new delivery the new day is built, and the old one that it reaches."""
    if way == "dbt":
        transform_once(way)
    found, built = rows(before), set(query(before, BUILT))
    late = event("later still", "2026-01-02T10:00:00Z", user_id="u3")
    deliver(tmp_path, "2026-01-05", [late, event("new", "2026-01-05T10:00:00Z", user_id="u4")])
    done = run(
        "ingestion", "ingest",
        SOURCE="files", EVENTS_URL=f"{tmp_path}/%Y-%m-%d.jsonl",
        FROM="2026-01-05", TO="2026-01-05",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    transform_once(way)

    anew = {(row[0], str(row[2])) for row in set(query(before, BUILT)) - built}
    events = {"fact_events", "int_event_day_counts", "regional_daily_events"}
    rejected = {"quarantined_events", "int_quarantine_day_counts"}
    expected = {(model, day) for model in events for day in ("2026-01-02", "2026-01-05")}
    assert anew == expected | {(model, "2026-01-05") for model in rejected}
    facts = rows(before)["facts"]
    assert [row for row in facts if row[0] not in ("later still", "new")] == found["facts"]
    assert [(row[0], row[6]) for row in facts if row not in found["facts"]] == [
        ("later still", "free"),
        ("new", "free"),
    ]


def test_who_might_read_the_deliveries_still_may(before):
    query(
        before,
        """create role analyst; grant usage on schema raw to analyst;
        grant create on schema public to analyst;
        grant select on raw.deliveries to analyst with grant option;
        grant select (source) on raw.deliveries to public;
        set role analyst; create view public.theirs as select source, rows from raw.deliveries;
        select 1""",
    )
    granted = "select relacl from pg_class where oid = 'raw.deliveries'::regclass"
    theirs = "set role analyst; select * from public.theirs order by 1, 2"
    acl, found = query(before, granted), query(before, theirs)
    try:
        assert run("ingestion", "up").returncode == 0
        assert query(before, granted) == acl
        assert query(before, theirs) == found
        assert query(before, "set role analyst; select count(*) from raw.deliveries") == [(8,)]
    finally:
        query(before, "drop owned by analyst; drop role analyst; select 1")


def test_a_materialized_view_stops_the_migration_and_is_not_dropped(before):
    found = "create materialized view public.theirs as select * from raw.deliveries; select 1"
    query(before, found)
    done = run("ingestion", "up")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be migrated (0004_units): materialized view theirs depends on" in done.stderr
    assert query(before, "select count(*) from public.theirs") == [(8,)]
    assert query(before, "select to_regclass('raw.schema_migrations')") == [(None,)]
    query(before, "drop materialized view public.theirs; select 1")
    assert run("ingestion", "up").returncode == 0


def test_a_newer_schema_is_refused_in_one_line(warehouse, tmp_path):
    query(
        warehouse,
        "insert into raw.schema_migrations (version, name) values (9999, 'x') returning 1",
    )
    deliver(tmp_path, "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    says = "has version 9999 of the schema, this %s knows "
    says += f"{max(migrations())}: use a newer fact-events"
    days = {"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl", "FROM": "2026-01-01"}
    for command in (("ingestion", "ingest"), ("transform",)):
        done = run(*command, **days)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == f"error: PGDATABASE=test {says % 'program'}"
    done = dbt("build", "--quiet")
    assert done.returncode == 2, done.stdout
    assert done.stdout.count(f"PGDATABASE=test {says % 'project'}") == 1
    assert query(warehouse, "select to_regclass('staging.stg_events')") == [(None,)]


def test_who_only_looks_migrates_nothing(database, tmp_path):
    """An empty database, then one of the version before."""
    deliver(tmp_path, "2026-01-01", [event("e", "2026-01-01T10:00:00Z")])
    look = {"EVENTS_URL": str(tmp_path / "%Y-%m-%d.jsonl"), "FROM": "2026-01-01", "DRY": "1"}
    schemas = "select nspname::text from pg_namespace where nspname !~ '^pg_' order by 1"
    before = query(database, schemas)
    done = run("ingestion", "ingest", **look)
    assert (done.returncode, query(database, schemas)) == (0, before), done.stderr
    assert "events: 1 unit (2026-01-01.jsonl)" in done.stdout
    done = run("ingestion", "retract", UNIT="2026-01-01.jsonl", DRY="1")
    assert "is no live unit" in done.stderr
    assert query(database, schemas) == before

    assert run("ingestion", "up").returncode == 0
    query(database, "delete from raw.schema_migrations where version > 4 returning 1")
    versions = query(database, VERSIONS)
    for command in (("ingest",), ("retract",)):
        done = run("ingestion", *command, **look, UNIT="2026-01-01.jsonl")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "has version 4 of the schema" in done.stderr
        assert "make up" in done.stderr
    assert query(database, VERSIONS) == versions


def test_who_migrate_at_once_both_succeed(database):
    """Each sees an empty database, then waits for the other."""
    with closing(database.connect()) as db, db.cursor() as cursor:
        cursor.execute("begin; select pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
        processes = [
            start("transform"),
            start_dbt("run", "--select", "stg_events"),
        ]
        wait_for_locks(database, len(processes))
        cursor.execute("commit")
    for process in processes:
        done = process.finish()
        assert done.returncode == 0, done.stdout + done.stderr
    assert query(database, VERSIONS) == [(number,) for number in migrations()]


def wait_for_locks(warehouse: Warehouse, number: int) -> None:
    """Until so many connections wait for an advisory lock."""
    waiting = """select count(*) from pg_locks
        where locktype = 'advisory' and not granted and database = (
            select oid from pg_database where datname = current_database())"""
    wait_until(lambda: query(warehouse, waiting) == [(number,)])
