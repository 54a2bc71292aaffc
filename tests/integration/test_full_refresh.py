"""What hangs on a table of ours survives a full refresh, and never weakens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.warehouse.connection import Warehouse
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, full_refresh, ingest_files, query

DAY = "2026-01-01"
TABLES = ("analytics.fact_events", "analytics.regional_daily_events")
HANGS = """
    select relrowsecurity, relforcerowsecurity, relreplident, reloptions,
        (select array_agg(polname order by 1) from pg_policy where polrelid = pg_class.oid),
        (select array_agg(tgname order by 1) from pg_trigger
            where tgrelid = pg_class.oid and not tgisinternal),
        (select array_agg(stxname order by 1) from pg_statistic_ext where stxrelid = pg_class.oid),
        (select array_agg(conname order by 1) from pg_constraint
            where conrelid = pg_class.oid and contype = 'c'),
        (select attstattarget from pg_attribute
            where attrelid = pg_class.oid and attname = 'region')
    from pg_class where oid = %s::regclass
"""


@pytest.fixture
def analyst(warehouse: Warehouse, tmp_path) -> Iterator[Warehouse]:
    """A built warehouse, and a role that may see one region of two."""
    deliver(tmp_path, DAY, [event(f"{n}", f"{DAY}T10:00:00Z", region=f"r{n}") for n in (1, 2)])
    ingest_files(warehouse, tmp_path, DAY)
    build()
    statements = ["create role analyst", "grant usage on schema analytics to analyst"]
    for table in TABLES:
        name = table.split(".")[1]
        statements += [
            f"grant select on {table} to analyst",
            f"alter table {table} enable row level security",
            f"alter table {table} force row level security",
            f"create policy own_region on {table} to analyst using (region = 'r1')",
            f"create policy all_regions on {table} to postgres using (true)",
            f"create statistics analytics.{name}_regions on region, event_type from {table}",
            f"alter table {table} alter column region set statistics 500",
            f"alter table {table} add constraint a_day check (event_date > '2000-01-01')",
        ]
    query(warehouse, "; ".join([*statements, "select 1"]))
    yield warehouse
    query(warehouse, "drop owned by analyst; drop role analyst; select 1")


def seen(warehouse: Warehouse, table: str) -> list[tuple[str, ...]]:
    """What the analyst sees of a table."""
    return query(warehouse, f"set role analyst; select region from {table} order by 1")


@pytest.mark.parametrize("again", [build, full_refresh], ids=["increment", "full refresh"])
def test_who_may_see_one_region_sees_no_other_afterwards(analyst, tmp_path, again):
    before = {table: query(analyst, HANGS, table) for table in TABLES}
    assert {table: seen(analyst, table) for table in TABLES} == {t: [("r1",)] for t in TABLES}
    deliver(tmp_path, DAY, [event(f"{n}", f"{DAY}T11:00:00Z", region=f"r{n}") for n in (1, 2, 3)])
    ingest_files(analyst, tmp_path, DAY)
    again()
    assert query(analyst, "select count(*) from analytics.fact_events") == [(3,)]
    assert {table: seen(analyst, table) for table in TABLES} == {t: [("r1",)] for t in TABLES}
    assert {table: query(analyst, HANGS, table) for table in TABLES} == before


def test_a_table_that_is_made_anew_shows_no_more(analyst, tmp_path, monkeypatch):
    """Another type of a column: the one case in which a table becomes another one."""
    project = EditedProject(tmp_path / "project", monkeypatch)
    project.edit("models/marts/fact_events.sql", "    event_type,", "    event_type::varchar(99),")
    models = "models/marts/fact_events.yml"
    text = (project.dbt_dir / models).read_text()
    before, after = text.split("name: event_type\n", 1)
    typed = after.replace("data_type: text", "data_type: varchar(99)", 1)
    project.write(models, f"{before}name: event_type\n{typed}")
    oid = "select 'analytics.fact_events'::regclass::oid"
    was = query(analyst, oid)
    assert project.dbt("run", "--full-refresh", "--select", "fact_events").success
    assert query(analyst, oid) != was
    assert seen(analyst, "analytics.fact_events") == [("r1",)]
    force = "select relforcerowsecurity from pg_class where oid = 'analytics.fact_events'::regclass"
    assert query(analyst, force) == [(True,)]
