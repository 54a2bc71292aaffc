"""stable_view in a warehouse of before, and dbt's own `view` in models of the user's."""

from __future__ import annotations

import pytest

from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, ingest_files, query

DAY = "2026-01-01"
VIEWS = """select oid, oid::regclass::text, xmin::text from pg_class where relkind = 'v'
    and relnamespace::regnamespace::text in ('staging', 'intermediate', 'analytics') order by 2"""
DAYS = """select event_date::text, is_up_to_date, tests_passed, is_on_current_model, model_version
    from analytics.event_days"""
OWN = {
    "lower": "{{ config(materialized='view') }} select * from {{ ref('fact_events') }}",
    "upper": "{{ config(materialized='view') }} select event_date from {{ ref('lower') }}",
    "kept": "select event_date from {{ ref('lower') }}",
}


def fill(warehouse, folder):
    """A day, built."""
    deliver(folder / "events", DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, folder / "events", DAY)
    build()


@pytest.fixture
def project(built, tmp_path, monkeypatch):
    """A copy of the project in which a user has models."""
    found = EditedProject(tmp_path / "checkout", monkeypatch)
    (found.dbt_dir / "own" / "models").mkdir(parents=True)
    for name, sql in OWN.items():
        found.write(f"own/models/{name}.sql", sql)
    return found


def test_views_of_a_version_before_stay_as_they_are(built):
    """Which was called `view`, and noted of a view its digest and its columns alone."""
    query(
        built,
        """delete from intermediate.marks as notes where kind = 'untouched views'
            or kind = 'definition' and exists (
                select from intermediate.marks where kind = 'view' and name = notes.name
            )
        returning 1""",
    )
    views, days = query(built, VIEWS), query(built, DAYS)
    assert days[0][:4] == (DAY, True, True, True)
    build()
    assert (query(built, VIEWS), query(built, DAYS)) == (views, days)
    noted = """select count(*)::int from intermediate.marks as notes where kind = 'definition'
        and exists (select from intermediate.marks where kind = 'view' and name = notes.name)"""
    assert query(built, noted) == [(len(views),)]


def test_a_view_of_dbt_is_made_anew_and_what_others_have_on_it_stays(built, project):
    select = ("run", "--quiet", "--select")
    assert project.dbt(*select, "lower", "upper", "kept").success
    assert project.dbt(*select, "lower", "upper", "kept").success, "twice, as dbt's own"
    before = query(built, VIEWS)

    def said(*models: str) -> str:
        outcome = project.dbt(*select, *models)
        [result] = [each for each in outcome.result if each.node.name == "lower"]
        return str(result.message)

    # Not in the run: it would be gone until somebody builds it.
    assert "view analytics.kept depends on view analytics.lower" in said("lower", "upper")
    assert query(built, VIEWS) == before
    query(built, "create view public.theirs as select * from analytics.lower; select 1")
    before = query(built, VIEWS)
    message = said("lower", "upper", "kept")
    assert "analytics.lower is to be made anew, and something stands on it: view theirs" in message
    assert query(built, VIEWS) == before
    assert query(built, "select user_id from public.theirs") == [("u1",)]
    query(built, "drop view public.theirs; select 1")
    assert project.dbt(*select, "lower+").success


def test_a_model_of_days_knows_the_view_of_dbt_that_it_reads(built, project):
    """Edited, or now stable: what its rows are made by counts, not the word."""
    reads = "(select * from {{ ref('%s') }})"
    model = "models/marts/regional_daily_events.sql"
    project.edit(model, reads % "fact_events", reads % "lower")
    versions = "select version from intermediate.model_versions where model = %s"
    found = []
    for old, new in (
        ("", ""),
        ("='view'", "='stable_view'"),
        ("fact_events') }}", "fact_events') }} where true"),
    ):
        project.write("own/models/lower.sql", OWN["lower"].replace(old, new))
        build()
        found += query(built, versions, "regional_daily_events")
    assert found[0] == found[1] != found[2]
