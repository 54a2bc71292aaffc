"""A build looks at no view that is as the last build of the same project left it."""

from __future__ import annotations

from contextlib import closing

import pytest

from core.warehouse.marks import set_mark
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from transform.project import VIEWS, manifest
from transform.views import are_untouched, note_views

pytestmark = pytest.mark.tables_built

DAY, NEXT = "2026-01-01", "2026-01-02"
ACTIVITY = "select sum(events)::int from analytics.user_activity where event_date = '2026-01-02'"


def fill(warehouse, folder):
    deliver(folder, DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, folder, DAY)
    build()


def models_built() -> int:
    return int(build().removeprefix("dbt build: ").split()[0])


def test_the_next_build_is_of_tables_and_tests(built, tmp_path):
    """The views show its rows all the same."""
    assert are_untouched(built)
    deliver(tmp_path / "events", NEXT, [event("b", f"{NEXT}T10:00:00Z")])
    ingest_files(built, tmp_path / "events", NEXT)
    models = [each for each in manifest()["nodes"].values() if each["resource_type"] == "model"]
    tables = [each for each in models if each["config"]["materialized"] not in VIEWS]
    assert models_built() == len(tables) < len(models)
    assert query(built, ACTIVITY) == [(1,)]
    assert are_untouched(built)


def test_an_edited_view_is_made_anew(built, tmp_path, monkeypatch):
    project = EditedProject(tmp_path, monkeypatch)
    view = "models/marts/event_lag.sql"
    sql = (project.dbt_dir / view).read_text()
    project.write(view, sql.rstrip() + "\nlimit 0\n")
    assert query(built, "select count(*) from analytics.event_lag") != [(0,)]
    build()
    assert query(built, "select count(*) from analytics.event_lag") == [(0,)]
    assert are_untouched(built)


def test_views_that_another_project_made_before_the_note_are_looked_at(built):
    """Two checkouts build in turn; the first notes its views after the second has made its own."""
    with closing(built.connect()) as db:
        set_mark(db, "project", "fact_events", "another")
    note_views(built)
    assert not are_untouched(built)
    build()
    assert are_untouched(built)


def test_no_view_names_its_database(built):
    """It may be renamed, or copied under another name, and its views count as untouched."""
    views = (
        'select count(*) > 10, bool_or(definition ~ \'"[.]"?(raw|intermediate|analytics)"?[.]\')'
    )
    assert query(built, f"{views} from pg_views where schemaname !~ '^pg_'") == [(True, False)]
    assert query(built, "select is_enough from intermediate.int_partition_locks") == [(True,)]


@pytest.mark.parametrize(
    "statement",
    [
        "drop view analytics.user_activity; select 1",
        "comment on column analytics.dim_users.user_id is 'other'; select 1",
        "grant select on staging.stg_events to pg_monitor; select 1",
        "alter view analytics.event_lag rename to other; select 1",
    ],
)
def test_what_somebody_touches_by_hand_is_looked_at(built, statement):
    query(built, statement)
    assert not are_untouched(built)
    comments = "select obj_description('analytics.user_activity'::regclass) is not null"
    build()
    assert query(built, comments) == [(True,)]
    assert are_untouched(built)
