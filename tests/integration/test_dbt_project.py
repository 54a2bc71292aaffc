"""What dbt knows of the project: names, descriptions, access; and what Postgres is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from dbt.cli.main import dbtRunner

from core.settings import ROOT
from tests.helpers.pipeline import build, deliver, event, in_thread, ingest_files, query
from tests.helpers.processes import start
from tests.helpers.waiting import wait_until
from transform.project import LOCATION, PROJECT_DIR, manifest

FACTS = {"fact_events", "assert_every_valid_event_is_a_fact", "no_null_user_ids"} | {
    "warn_event_repeated_across_days",
    "warn_unknown_users",
    "full_refresh_reads_every_day",
    "incremental_run_reads_its_window_only",
}
STATE = """('built_days', 'marks', 'model_versions', 'blocking_tests', 'tested_days',
    'moved_profiles')"""
COMMENTS = "select objoid, objsubid, description, xmin::text from pg_description order by 1, 2"
WITHOUT_A_COMMENT = f"""
    select attrelid::regclass::text, attname
    from pg_attribute
    inner join pg_class on pg_class.oid = attrelid
    where relkind in ('r', 'p', 'v') and not attisdropped and attnum > 0
        and relnamespace::regnamespace::text in ('staging', 'intermediate', 'analytics')
        and relname not in {STATE}
        and col_description(attrelid, attnum) is null
    union all
    select oid::regclass::text, null
    from pg_class
    where relkind in ('r', 'p', 'v') and obj_description(oid, 'pg_class') is null
        and relnamespace::regnamespace::text in ('staging', 'intermediate', 'analytics')
        and relname not in {STATE}
"""


def models() -> list[dict]:
    """The project's models."""
    return [node for node in manifest()["nodes"].values() if node["resource_type"] == "model"]


def listed(*selection: str) -> set[str]:
    """The names of what dbt selects."""
    arguments = ["ls", *selection, "--quiet", "--output", "name", *LOCATION]
    return set(in_thread(dbtRunner().invoke, arguments).result)


def test_the_name_of_the_main_model_means_the_model(warehouse):
    everything = listed()
    selected = listed("--select", "fact_events")
    assert selected == FACTS
    assert listed("--exclude", "fact_events") == everything - selected
    assert everything > {node["name"] for node in models()}


def test_every_model_and_column_is_described(warehouse):
    described = {node["name"]: node["description"] for node in models()}
    assert [name for name, text in described.items() if not text] == []
    for node in [*models(), *manifest()["sources"].values()]:
        assert node["description"], node["unique_id"]
        without = [name for name, column in node["columns"].items() if not column["description"]]
        assert without == [], node["unique_id"]


def test_the_columns_of_sources_are_those_of_their_tables(warehouse):
    """No more, no fewer: the descriptions are of what is there."""
    columns = """select attrelid::regclass::text, attname from pg_attribute
        inner join pg_class on pg_class.oid = attrelid
        where relkind in ('r', 'p', 'v') and attnum > 0 and not attisdropped
            and relnamespace::regnamespace::text in ('raw', 'intermediate')"""
    described = {
        (f"{source['schema']}.{source['name']}", column)
        for source in manifest()["sources"].values()
        for column in source["columns"]
    }
    assert described == set(query(warehouse, columns))


def test_every_model_has_an_owner_and_an_access(warehouse):
    owners = {group["name"]: group["owner"] for group in manifest()["groups"].values()}
    for node in models():
        assert owners[node["group"]]["email"], node["name"]
        is_mart = node["fqn"][1] == "marts"
        assert node["access"] == ("public" if is_mart else "protected"), node["name"]
        assert node["contract"]["enforced"] == is_mart, node["name"]


def test_a_model_reads_what_it_imports_and_is_short(warehouse):
    """Every ref and source is a CTE of its own at the top; no table is named by its name."""
    for node in models():
        lines = (PROJECT_DIR / node["original_file_path"]).read_text().splitlines()
        assert len(lines) <= 60, node["name"]
        code = [line for line in lines if not line.startswith("--")]
        reads = [line for line in code if "ref('" in line or "source('" in line]
        for line in reads:
            is_import = " as (select * from {{ " in line and line.rstrip(",").endswith(")")
            assert is_import or is_loads(node["name"], line), f"{node['name']}: {line}"
        assert not any("from raw." in line or "join intermediate." in line for line in code)


def is_loads(model: str, line: str) -> bool:
    """Staging reads of the loads only the finished ones."""
    return model.startswith("stg_") and "source('raw', 'loads')" in line


def test_every_table_view_and_column_says_in_postgres_what_it_is(warehouse, tmp_path):
    deliver(tmp_path, "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-01-01")
    build()
    assert query(warehouse, WITHOUT_A_COMMENT) == []
    region = "select col_description('analytics.fact_events'::regclass, attnum) from pg_attribute"
    region += " where attrelid = 'analytics.fact_events'::regclass and attname = 'region'"
    text = "The region that the event itself carries; null where it carries none."
    assert query(warehouse, region) == [(text,)]

    # Nothing to do: nothing is written. What the project describes comes back; the rest stays.
    before = query(warehouse, COMMENTS)
    build()
    assert query(warehouse, COMMENTS) == before
    query(
        warehouse,
        """comment on column analytics.fact_events.region is 'theirs';
        comment on view analytics.dim_users is 'theirs';
        comment on table raw.events is 'theirs'; select 1""",
    )
    build()
    said = "select objoid, objsubid, description from pg_description order by 1, 2"
    theirs = ("raw.events", 0, "theirs")
    now = query(warehouse, said.replace("objoid,", "objoid::regclass::text,"))
    assert [row for row in now if row[2] == "theirs"] == [theirs]
    assert query(warehouse, region) == [(text,)]


def test_builds_at_once_that_all_find_other_comments(warehouse, tmp_path):
    """Each is held up at the first comment, so that all have seen that it differs."""
    deliver(tmp_path, "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-01-01")
    build()
    query(warehouse, "comment on view staging.stg_events is 'other'; select 1")
    key = """hashtextextended('"test"."staging"."stg_events"', 0)"""
    waiting = """select count(*) from pg_stat_activity where wait_event = 'advisory'
        and datname = current_database()"""
    with closing(warehouse.connect()) as db, db.cursor() as cursor, ThreadPoolExecutor() as pool:
        cursor.execute(f"begin; select pg_advisory_xact_lock({key})")
        processes = [start("transform") for _ in range(2)]
        ended = [pool.submit(process.finish) for process in processes]
        wait_until(lambda: query(warehouse, waiting) == [(2,)])
        cursor.execute("commit")
        for done in ended:
            assert done.result().returncode == 0, done.result().stderr
    said = "select obj_description('staging.stg_events'::regclass)"
    assert query(warehouse, said)[0][0].startswith("One row per received record")


def test_a_view_that_somebody_reads_is_never_dropped(warehouse, tmp_path):
    """A view of ours gets other columns; theirs reads it: one line, and both stay as they were."""
    deliver(tmp_path, "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-01-01")
    build()
    # As if it had been made by a version with another column.
    query(
        warehouse,
        """drop view analytics.user_activity;
        create view analytics.user_activity as select 1 as other;
        create view analytics.theirs as select * from analytics.user_activity;
        update intermediate.marks set value = case kind when 'columns' then '[]' else 'older' end
        where name = 'analytics.user_activity' returning 1""",
    )
    arguments = ["run", "--select", "user_activity", "--quiet", *LOCATION]
    outcome = in_thread(dbtRunner().invoke, arguments)
    [result] = [each for each in outcome.result if each.node.name == "user_activity"]
    says = (
        "analytics.user_activity gets other columns, and what is not of this project stands on it"
    )
    assert f"{says}: view analytics.theirs depends on view" in result.message
    assert query(warehouse, "select other from analytics.theirs") == [(1,)]

    query(warehouse, "drop view analytics.theirs; select 1")
    assert in_thread(dbtRunner().invoke, arguments).success
    assert query(warehouse, "select user_id, events from analytics.user_activity") == [("u1", 1)]


def test_the_config_of_models_is_checked_before_they_run():
    assert "check_strategy_configs()" in (ROOT / "dbt" / "dbt_project.yml").read_text()
