"""`make transform` starts no dbt where nothing was touched since, and does where something was."""

from __future__ import annotations

import pytest

from core.errors import UserError
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run
from tests.helpers.waiting import wait_until
from transform.settled import note_settled, settled

pytestmark = pytest.mark.tables_built

DAY, NEXT = "2026-01-01", "2026-01-02"
SAID = "nothing to do: all days are built and tested as raw has them"


def fill(warehouse, folder):
    deliver(folder, DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, folder, DAY)
    build()


@pytest.fixture
def quiet(built, tmp_path):
    """With nothing to do. Postgres' counters are not copied."""
    note_settled(built)
    deliver(tmp_path / "events", DAY, [event("a", f"{DAY}T10:00:00Z")])
    deliver(tmp_path / "events", NEXT, [event("b", f"{NEXT}T10:00:00Z")])
    return built


def test_what_was_touched_is_built(quiet, tmp_path):
    assert (done := run("transform")).stdout == f"{SAID}\n", done.stderr
    ingest_files(quiet, tmp_path / "events", DAY, NEXT)
    assert run("transform").stdout.startswith("dbt build: ")
    assert query(quiet, "select event_id from analytics.fact_events order by 1") == [
        ("a",),
        ("b",),
    ]
    assert run("transform", FROM=DAY).stdout.startswith("dbt build: "), "it was asked for"


@pytest.mark.parametrize(
    "statement",
    [
        "delete from analytics.fact_events returning 1",
        "update raw.units set rows = rows returning 1",
        "drop view analytics.user_activity; select 1",
        "alter table analytics.fact_events add column note text; select 1",
        "comment on column analytics.dim_users.user_id is 'other'; select 1",
        "grant select (event_id) on analytics.fact_events to pg_monitor; select 1",
        "do $$ begin execute 'drop index ' || (select indexrelid::regclass from pg_index"
        " where indrelid = 'analytics.quarantined_events'::regclass); end $$; select 1",
        "create or replace view analytics.event_lag as select * from analytics.event_lag limit 1;"
        "select 1",
    ],
)
def test_what_somebody_touches_by_hand_is_looked_at(quiet, statement):
    assert settled(quiet) == SAID
    query(quiet, statement)
    wait_until(lambda: settled(quiet) == "")  # a session says what it wrote when it ends


def test_other_settings_and_another_project_are_looked_at(quiet, tmp_path, monkeypatch):
    monkeypatch.setenv("MAX_UNKNOWN_USERS", "0.3")
    assert settled(quiet) == ""
    monkeypatch.delenv("MAX_UNKNOWN_USERS")
    assert settled(quiet) == SAID
    project = EditedProject(tmp_path, monkeypatch)
    build()
    assert settled(quiet) == SAID
    project.write("tests/assert_something.sql", "select 1 where false")
    assert settled(quiet) == "", "another test owes all days"
    (project.dbt_dir / "tests" / "assert_something.sql").unlink()
    assert settled(quiet) == SAID
    project.write("own/mine.sql", "select 1 as one")
    assert settled(quiet) == "", "it may read anything"


def test_days_that_owe_something_are_never_settled(quiet, tmp_path, monkeypatch):
    project = EditedProject(tmp_path, monkeypatch)
    project.write("tests/assert_nothing.sql", "select 1")
    with pytest.raises(UserError):
        build()
    assert settled(quiet) == ""


def test_a_warning_is_said_again(quiet, tmp_path):
    """It is about what is there, which nobody has corrected."""
    deliver(tmp_path / "p", DAY, [{"user_id": "nobody", "updated_at": f"{DAY}T00:00:00Z"}])
    ingest_files(quiet, tmp_path / "events", DAY, profiles_url=tmp_path / "p")
    assert ", 1 warned" in build(DAY)
    assert settled(quiet) == ""


def test_without_counts_dbt_looks(quiet):
    query(quiet, "alter database test set track_counts = off; select 1")
    assert settled(quiet) == ""
