"""What other people have in the warehouse: on our tables, and under our names."""

from __future__ import annotations

import pytest

from tests.helpers.pipeline import (
    FACTS,
    build,
    deliver,
    event,
    full_refresh,
    ingest_files,
    query,
)
from tests.helpers.processes import dbt, run

DAY = "2026-01-01"
COUNTS = "int_event_day_counts"
# As if the model had had another column, and nobody has added it by hand.
A_COLUMN_OF_BEFORE = f"""alter table intermediate.{COUNTS} add old int;
    update intermediate.marks set value = jsonb_set(value::jsonb, '{{columns,old}}', 'false')::text
    where kind = 'definition' and name = 'intermediate.{COUNTS}'"""
# Each day's partition is another table after each build.
RELATIONS = """select oid, oid::regclass::text, relacl::text, obj_description(oid, 'pg_class')
    from pg_class where relkind in ('v', 'm', 'p', 'r') and not relispartition
    and relnamespace::regnamespace::text in ('raw', 'staging', 'intermediate', 'analytics', 'bi')
    order by 2"""
THEIRS = """create schema bi;
    create view bi.facts as select event_id, properties from analytics.fact_events;
    create view bi.of_facts as select * from bi.facts;
    create materialized view bi.regions as select * from analytics.regional_daily_events;
    create table bi.notes (user_id text, version_number int, foreign key (user_id, version_number)
        references analytics.dim_user_versions (user_id, version_number));
    select 1"""


@pytest.fixture
def built(warehouse, tmp_path):
    """A warehouse with a day in it."""
    deliver(tmp_path / "events", DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", DAY)
    build()
    return warehouse


def test_a_full_refresh_keeps_what_stands_on_our_tables(built):
    """Also what has no definition to be made again by: a foreign key, a materialized view."""
    query(built, THEIRS)
    before, facts = query(built, RELATIONS), query(built, FACTS)
    full_refresh()
    assert query(built, RELATIONS) == before
    assert query(built, FACTS) == facts
    assert query(built, "select event_id from bi.of_facts") == [("a",)]
    full_refresh_of = ("run", "--full-refresh", "--quiet", "--select")
    for model in ("fact_events", COUNTS, "dim_user_versions", "regional_daily_events"):
        done = dbt(*full_refresh_of, model)
        assert done.returncode == 0, done.stdout
    assert query(built, RELATIONS) == before


def test_a_full_refresh_takes_out_what_raw_has_no_more(built):
    query(
        built,
        """insert into analytics.regional_daily_events
        select '2025-01-01', region, event_type, events, users from analytics.regional_daily_events;
        create table partitions.left partition of analytics.fact_events
        for values from ('2025-01-01') to ('2025-01-02');
        select 1""",
    )
    full_refresh()
    assert query(built, "select to_regclass('partitions.left')") == [(None,)]
    days = "select event_date::text from analytics.regional_daily_events"
    assert query(built, days) == [(DAY,)]


def test_a_table_that_loses_a_column_keeps_our_views_and_stops_at_theirs(built):
    """As if a version before had had another column; its readers are not in the run."""
    query(
        built,
        f"""{A_COLUMN_OF_BEFORE};
        create view public.theirs as select * from analytics.event_days;
        grant select on analytics.event_days to public;
        select 1""",
    )
    before = query(built, RELATIONS)
    rebuild = ("run", "--full-refresh", "--quiet", "--select", COUNTS)
    done = dbt(*rebuild)
    assert done.returncode == 1
    says = f"intermediate.{COUNTS} gets other columns, and what is not of this project stands on it"
    assert f"{says}: view theirs depends on view analytics.event_days: drop that" in done.stdout
    assert query(built, RELATIONS) == before

    query(built, "drop view public.theirs; select 1")
    assert dbt(*rebuild).returncode == 0
    now = [row[1:] for row in query(built, RELATIONS)]
    assert now == [row[1:] for row in before], "our views are there, with grants and comments"
    old = "select 1 from pg_attribute where attrelid = %s::regclass and attname = 'old'"
    assert query(built, old, f"intermediate.{COUNTS}") == []
    build()


def test_a_view_of_ours_that_cannot_be_made_again_stops_a_build_without_it(built):
    """The run that makes it after the table may take it away for a moment."""
    query(
        built,
        f"""{A_COLUMN_OF_BEFORE};
        drop view analytics.event_days cascade;
        create view analytics.event_days as select event_date, old from intermediate.{COUNTS};
        update intermediate.marks set value = case kind when 'columns' then '[]' else 'older' end
        where name = 'analytics.event_days';
        select 1""",
    )
    rebuild = ("run", "--full-refresh", "--quiet", "--select")
    done = dbt(*rebuild, COUNTS)
    assert done.returncode == 1
    assert "and analytics.event_days cannot be made of them: build it too" in done.stdout
    assert query(built, "select old from analytics.event_days") == [(None,)]
    assert dbt(*rebuild, f"{COUNTS}+").returncode == 0
    assert query(built, "select event_date::text, events from analytics.event_days") == [(DAY, 1)]


UNDER_OUR_NAMES = {
    "a table": (
        "the table analytics.fact_events",
        "create table analytics.fact_events (theirs int)",
    ),
    "a view": (
        "the view staging.stg_events",
        "create view staging.stg_events as select 1 as theirs",
    ),
    "another kind": (
        "the materialized view analytics.dim_users",
        "create materialized view analytics.dim_users as select 1 as theirs",
    ),
}


@pytest.mark.parametrize("case", UNDER_OUR_NAMES)
def test_what_stands_under_our_names_is_refused_before_anything_is_built(warehouse, case):
    named, create = UNDER_OUR_NAMES[case]
    schemas = "create schema if not exists analytics; create schema if not exists staging;"
    query(warehouse, f"{schemas} {create}; select 1")
    before = query(warehouse, RELATIONS)
    says = f"has {named}, which this project has not made: rename it, or move it to another schema"
    done = run("transform")
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "full-refresh" not in done.stderr
    for arguments in (("run", "--full-refresh"), ("build", "--select", "daily_row_counts")):
        done = dbt(*arguments, "--quiet")
        assert done.returncode != 0
        assert says in done.stdout
    assert query(warehouse, RELATIONS) == before


def test_what_took_the_place_of_ours_is_refused(built):
    """Of the same kind, but without our columns."""
    query(
        built,
        """drop view analytics.dim_users; create view analytics.dim_users as select 1 as theirs;
        drop table analytics.regional_daily_events;
        create table analytics.regional_daily_events (theirs int); select 1""",
    )
    done = run("transform")
    assert done.returncode == 2
    assert "has the table analytics.regional_daily_events, the view analytics.dim_users, which" in (
        done.stderr
    )


@pytest.mark.parametrize("name", ["schema_migrations", "events", "units"])
def test_tables_of_others_in_raw_are_refused_by_name(warehouse, name):
    query(
        warehouse,
        f"""drop schema raw cascade; create schema raw;
        create table raw.{name} as select '20260101' as version; select 1""",
    )
    done = run("ingestion", "up")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"this project has not made raw.{name}: rename it" in done.stderr
    assert query(warehouse, f"select * from raw.{name}") == [("20260101",)]
    done = dbt("run", "--quiet")
    assert done.returncode != 0
    assert f"this project has not made raw.{name}" in done.stdout
    assert query(
        warehouse,
        "select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'r'",
    ) == [(name,)]


def test_prune_leaves_the_loads_of_other_dlt_pipelines(built):
    query(
        built,
        """insert into raw._dlt_loads (load_id, schema_name, status, inserted_at)
        values ('1.0', 'theirs', 0, now()); select 1""",
    )
    assert run("commands.prune", KEEP_DAYS="1").returncode == 0
    loads = "select load_id from raw._dlt_loads where schema_name = 'theirs'"
    assert query(built, loads) == [("1.0",)]
