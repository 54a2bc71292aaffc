"""Pruning old events and forgetting a user: gone everywhere, and the counts still add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.helpers.pipeline import (
    FACTS,
    build,
    deliver,
    event,
    full_refresh,
    ingest_files,
    query,
    run,
)

TODAY = datetime.now(UTC).date()
OLD, RECENT = [(TODAY - timedelta(days=n)).isoformat() for n in (10, 2)]
COUNTS = """
    select ingest_date::text, received, fact, duplicate, quarantined, is_complete
    from analytics.row_accounting order by 1
"""


@pytest.fixture
def built(warehouse, tmp_path):
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
    deliver(tmp_path / "profiles", RECENT, users)
    ingest_files(warehouse, tmp_path / "events", OLD, RECENT, profiles_url=tmp_path / "profiles")
    build()
    return warehouse


def same_after_a_full_refresh(warehouse) -> None:
    before = query(warehouse, FACTS), query(warehouse, COUNTS)
    full_refresh()
    assert (query(warehouse, FACTS), query(warehouse, COUNTS)) == before


def test_prune(built):
    query(  # a load that later ones replaced
        built,
        """insert into raw.loads values ('gone', 'canonical', current_date, current_date,
            now() - interval '20 days', now() - interval '20 days');
        insert into raw._dlt_loads values ('gone', 'x', 0, now(), 'x'); select 1""",
    )
    assert query(built, COUNTS) == [(OLD, 2, 1, 0, 1, True), (RECENT, 7, 3, 1, 3, True)]
    done = run("commands.prune", KEEP_DAYS="5")
    assert done.returncode == 0, done.stderr
    assert "raw.events: 3 deleted" in done.stdout
    assert "partitions dropped: 1" in done.stdout
    assert {row[0] for row in query(built, FACTS)} == {"new", "theirs"}
    assert query(built, COUNTS) == [(RECENT, 6, 2, 1, 3, True)]
    assert query(built, "select min(event_date)::text from analytics.regional_daily_events") == [
        (RECENT,)
    ]
    assert query(built, "select count(*) from raw.user_profiles") == [(4,)], "history is needed"
    for loads in ("raw.loads", "raw._dlt_loads"):
        assert query(built, f"select count(*) from {loads}") == [(1,)], loads
    same_after_a_full_refresh(built)


def test_forget(built):
    done = run("commands.forget", USER_ID="u1")
    assert done.returncode == 0, done.stderr
    assert "raw.events: 7 deleted" in done.stdout
    assert "raw.user_profiles: 2 deleted" in done.stdout
    assert [row[:2] for row in query(built, FACTS)] == [("theirs", "u10")]
    assert query(built, COUNTS) == [(OLD, 0, 0, 0, 0, True), (RECENT, 2, 1, 0, 1, True)]
    for table in ("dim_users", "dim_user_versions"):
        assert query(built, f"select distinct user_id from analytics.{table}") == [("u10",)]
    assert query(built, "select record from analytics.quarantined_events") == [
        ('{"user_id": "u10", "truncated',)
    ]
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
    assert done.returncode == 0, done.stderr
    assert "raw.events: 0 deleted" in done.stdout
    assert query(built, FACTS) == before
