"""ISO weeks: a day that changes rebuilds its week, whole, and no other."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import date

import pytest

from ingestion.land.retention import prune_events as prune_landed
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import (
    Record,
    build,
    deliver,
    event,
    full_refresh,
    in_thread,
    ingest_files,
    query,
)
from tests.integration.test_newer_days import held_up
from transform.retention import prune_events

pytestmark = pytest.mark.tables_built

# Sunday; then Monday, Thursday and Sunday of the week of New Year; then Monday.
DAYS = ("2025-12-28", "2025-12-29", "2026-01-01", "2026-01-04", "2026-01-05")
LATE = "2026-01-01"
ROWS = "select week_start::text, active_users, events from analytics.weekly_active_users order by 1"
# Which transaction has written a week.
WRITTEN = "select week_start::text, xmin::text from analytics.weekly_active_users"
NAME = """'"test"."analytics"."weekly_active_users"'"""
A_TEST = """
{% test few_users(model) %} select week_start from {{ model }} where active_users > 3 {% endtest %}
"""
OTHER_WRITER = f"select pg_advisory_xact_lock(hashtextextended({NAME}, 0))"


def records(day: str) -> list[Record]:
    """Two events of a user who is there each day, one of a user who is not."""
    users = ["everyday", "everyday", f"only {day}"]
    return [
        event(f"{day} {number}", f"{day}T23:59:59Z", user_id=user)
        for number, user in enumerate(users)
    ]


def counted(facts: Iterable[Record]) -> list[tuple[str, int, int]]:
    """The independent count: Python's calendar, no SQL."""
    weeks: dict[str, list[str]] = {}
    for fact in facts:
        year, week, _ = date.fromisoformat(fact["event_ts"][:10]).isocalendar()
        weeks.setdefault(f"{date.fromisocalendar(year, week, 1)}", []).append(fact["user_id"])
    return [(week, len(set(users)), len(users)) for week, users in sorted(weeks.items())]


@pytest.fixture
def built(warehouse, tmp_path):
    for day in DAYS:
        deliver(tmp_path, day, records(day))
    ingest_files(warehouse, tmp_path, DAYS[0], DAYS[-1])
    build()
    return warehouse


def test_a_late_event_rebuilds_exactly_its_week(built, tmp_path):
    facts = [each for day in DAYS for each in records(day)]
    assert query(built, ROWS) == counted(facts)
    assert [week for week, *_ in counted(facts)] == ["2025-12-22", "2025-12-29", "2026-01-05"]

    before = dict(query(built, WRITTEN))
    late = event("late", f"{LATE}T00:00:00Z", user_id="late")
    deliver(tmp_path, "2026-01-20", [late])
    ingest_files(built, tmp_path, "2026-01-20")
    build()
    assert query(built, ROWS) == counted([*facts, late])
    after = dict(query(built, WRITTEN))
    assert [week for week in after if after[week] != before.get(week)] == ["2025-12-29"]
    build()
    assert dict(query(built, WRITTEN)) == after, "nothing has changed"


def test_a_week_whose_days_are_empty_now_is_gone(built, tmp_path):
    """A range rebuilds the weeks that it touches; a full refresh ends in the same rows."""
    deliver(tmp_path, DAYS[0], [])
    ingest_files(built, tmp_path, DAYS[0])
    build(DAYS[0], DAYS[2])
    left = counted(each for day in DAYS[1:] for each in records(day))
    assert query(built, ROWS) == left
    full_refresh()
    assert query(built, ROWS) == left


def test_no_day_of_a_week_becomes_older_again(built):
    """Another run replaces a day of the week while this one, of another day, waits for its turn."""
    query(
        built,
        """update intermediate.built_days set version = version - 1
        where model = 'weekly_active_users' and day = %s returning 1""",
        DAYS[1],
    )
    with held_up(built, "weekly_active_users", OTHER_WRITER):
        query(
            built,
            "delete from analytics.fact_events where event_date = %s returning 1",
            LATE,
        )
    expected = counted(each for day in DAYS if day != LATE for each in records(day))
    assert query(built, ROWS) == expected


def test_a_test_of_weeks_fails_for_the_days_of_those(built, tmp_path, monkeypatch):
    """Its rows say no day: each day is asked of its week."""
    project = EditedProject(tmp_path / "checkout", monkeypatch)
    project.write("macros/few_users.sql", A_TEST)
    yml = "models/marts/weekly_active_users.yml"
    project.edit(yml, "    columns:\n", "    data_tests: [few_users]\n    columns:\n")
    assert not project.dbt("build", "--exclude-resource-type", "unit_test").success
    busy = {day for day in DAYS if f"{date.fromisoformat(day):%G-%V}" == "2026-01"}
    assert busy == {*DAYS[1:4]}
    state = "select event_date::text, tests_passed from analytics.event_days order by 1"
    assert query(built, state) == [(day, day not in busy) for day in DAYS]


def test_prune_counts_the_week_anew_that_it_has_a_part_of(built):
    """Whole weeks go; the one that goes on has the days that are kept."""
    before = date.fromisoformat(LATE)
    with closing(built.connect()) as db:
        prune_landed(db, before)
    in_thread(prune_events, built, before)
    build()
    assert query(built, ROWS) == counted(each for day in DAYS[2:] for each in records(day))
