"""A day is right only on today's models: what an edit says, and how days come to follow it."""

from __future__ import annotations

import pytest

from core.errors import UserError
from core.progress import Progress
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import (
    FACTS,
    build,
    deliver,
    event,
    in_thread,
    ingest_files,
    query,
)
from transform.event_days import state
from transform.rebuild import rebuild

pytestmark = pytest.mark.tables_built

DAYS = [f"2026-01-{day:02}" for day in range(1, 5)]
STATE = """select event_date::text, is_on_current_model from analytics.event_days order by 1"""
WINNERS = "select event_id, properties ->> 'id' from analytics.fact_events order by 1"


@pytest.fixture
def built(warehouse, tmp_path):
    """Four days, each with an event that is there twice, of one moment."""
    for day in DAYS:
        at = f"{day}T10:00:00Z"
        twice = [event(day, at, properties={"id": name}) for name in ("a", "b")]
        deliver(tmp_path / "events", day, twice)
    profile = {"user_id": "u1", "tier": "free", "region": "r", "updated_at": "2026-01-01T00:00:00Z"}
    deliver(tmp_path / "profiles", DAYS[0], [profile])
    ingest_files(warehouse, tmp_path / "events", DAYS[0], DAYS[-1])
    profiles = tmp_path / "profiles"
    ingest_files(warehouse, tmp_path / "events", DAYS[0], profiles_url=profiles)
    build()
    return warehouse


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkout")


@pytest.fixture
def project(folder, monkeypatch):
    return EditedProject(folder, monkeypatch)


def versions(warehouse):
    return dict(query(warehouse, "select model, version from intermediate.model_versions"))


def test_an_edited_rule_is_told_and_rebuilt(built, project, tmp_path, capsys):
    project.edit(
        "models/intermediate/int_events_deduplicated.sql",
        '(payload::text) collate "C" desc',
        '(payload::text) collate "C" asc',
    )
    deliver(tmp_path / "events", DAYS[3], [event("new", f"{DAYS[3]}T10:00:00Z")])
    ingest_files(built, tmp_path / "events", DAYS[3])
    said = build()
    assert f"3 days are on older models ({', '.join(DAYS[:3])}): make rebuild" in said
    assert "warn_days_on_older_models.sql: Got 3 results" in capsys.readouterr().err
    assert query(built, STATE) == [(day, day == DAYS[3]) for day in DAYS]
    assert query(built, WINNERS) == [*((day, "b") for day in DAYS[:3]), ("new", "new")]

    assert in_thread(rebuild, built, None, Progress()) == "3 days rebuilt"
    assert query(built, STATE) == [(day, True) for day in DAYS]
    assert query(built, WINNERS) == [*((day, "a") for day in DAYS[:3]), ("new", "new")]
    assert in_thread(rebuild, built, None, Progress()) == "0 days rebuilt"
    audit = "select command, subject, finished_at is not null from raw.audit"
    assert query(built, audit) == [("rebuild", "days on older models", True)] * 2


def test_what_makes_no_other_row_owes_nothing(built, project):
    before = versions(built)
    facts = "models/marts/fact_events.sql"
    project.edit(facts, "with\n", "-- why\nWITH /* here */\n\n")
    project.edit(facts, "'unique': true}", "'unique': true, 'name': 'key'}")
    project.edit("models/marts/fact_events.yml", "description: Everything else", "description: All")
    dedup = "models/intermediate/int_events_deduplicated.sql"
    project.edit(dedup, "select distinct on", "SELECT  distinct\n  on")
    assert "older" not in build()
    assert versions(built) == before


def test_a_macro_and_a_view_upstream_are_parts_of_a_model(built, project):
    before = versions(built)
    project.edit(
        "models/intermediate/int_events_enriched.sql",
        "coalesce(versions.tier, 'unknown')",
        "{{ tier_of('versions.tier') }}",
    )
    macro = "{% macro tier_of(column) %}coalesce({{ column }}, 'unknown'){% endmacro %}\n"
    project.write("macros/tier_of.sql", macro)
    build()
    assert versions(built) == before  # the same SQL
    project.write("macros/tier_of.sql", macro.replace("unknown", "none"))
    assert "4 days are on older models" in build()
    now = versions(built)
    assert {model for model in now if now[model] != before[model]} == {"fact_events"}


def test_what_is_built_from_a_rebuilt_day_follows_it(built, project):
    """Also where the rebuild was killed between the two."""
    model = "models/marts/fact_events.sql"
    project.edit(model, "    event_type,\n", "    upper(event_type) as event_type,\n")
    window = (f"--event-time-start={DAYS[0]}", f"--event-time-end={DAYS[2]}")
    assert project.dbt("run", "--select", "marts.fact_events", *window).success
    build()
    types = "select event_type from {} where event_date = '{}'"
    for day in DAYS:
        of_facts, of_regions = (
            query(built, types.format(f"analytics.{table}", day))
            for table in ("fact_events", "regional_daily_events")
        )
        assert of_facts == of_regions == [("CLICK" if day in DAYS[:2] else "click",)]


def test_an_edit_of_the_versions_of_users_reaches_all_of_them(built, project):
    project.edit(
        "models/marts/dim_user_versions.sql",
        "    tier,\n    region,\n    updated_at as",
        "    upper(tier) as tier,\n    region,\n    updated_at as",
    )
    build()
    assert query(built, "select tier from analytics.dim_user_versions") == [("FREE",)]
    assert query(built, "select distinct user_tier from analytics.fact_events") == [("FREE",)]


def test_days_of_a_model_that_is_gone_are_nobodys(built, project):
    """Of two versions of it, which no rebuild could make one."""
    gone = "where model = 'regional_daily_events' and day = '2026-01-01' returning 1"
    query(built, f"update intermediate.built_days set model = 'gone', model_version = 'old' {gone}")
    query(built, "insert into intermediate.model_versions values ('gone', 'new') returning 1")
    assert "older" not in build()
    assert query(built, STATE) == [(day, True) for day in DAYS]


def test_a_view_of_the_version_before_is_one_line(built):
    query(
        built,
        """create table older as select * from analytics.event_days;
        alter table older drop column tests_passed; drop view analytics.event_days cascade;
        create view analytics.event_days as select * from older; select 1""",
    )
    with pytest.raises(UserError, match="knows no tests yet: run make transform"):
        state(built)


def test_days_built_before_versions_were_noted_are_of_the_first(built):
    query(built, "update intermediate.built_days set model_version = null returning 1")
    query(built, "delete from intermediate.model_versions returning 1")
    build()
    assert query(built, STATE) == [(day, True) for day in DAYS]


def test_empty_touches_no_day(built, project):
    facts = query(built, FACTS)
    days = "select event_date::text, built_at, raw_version, events from analytics.event_days"
    before = query(built, f"{days} order by 1")
    assert project.dbt("run", "--empty").success
    assert query(built, FACTS) == facts
    assert query(built, f"{days} order by 1") == before
    build()
    assert query(built, FACTS) == facts


def test_an_empty_full_refresh_touches_no_day_either(built, project):
    facts = query(built, FACTS)
    assert project.dbt("run", "--empty", "--full-refresh").success
    assert query(built, FACTS) == facts
    assert "0 warned" in build()
    assert query(built, FACTS) == facts


def test_what_is_made_empty_is_built_by_the_next_run(warehouse, project, tmp_path):
    assert project.dbt("run", "--empty").success
    deliver(tmp_path / "events", DAYS[0], [event("a", f"{DAYS[0]}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", DAYS[0])
    assert project.dbt("run", "--empty").success
    build()
    assert query(warehouse, WINNERS) == [("a", "a")]
