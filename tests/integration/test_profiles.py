"""Tier and region are those of the event's moment, also after the history of a user changed."""

from __future__ import annotations

import pytest

from tests.helpers.pipeline import FACTS, build, deliver, event, ingest_files, query

pytestmark = pytest.mark.tables_built

D1, D2 = "2026-01-01", "2026-01-02"


@pytest.mark.quick
def test_profiles_are_as_of_the_event(warehouse, tmp_path):
    deliver(
        tmp_path / "events",
        D2,
        [
            event("before", "2025-01-01T00:00:00Z"),
            event("free", "2025-12-31T23:59:59Z"),
            event("pro", "2026-01-01T00:00:00Z"),
            event("nobody", f"{D2}T00:00:00Z", user_id="u9"),
        ],
    )
    profile = {
        "user_id": "u1",
        "tier": "free",
        "region": "EU",
        "updated_at": "2025-06-01T00:00:00Z",
    }
    deliver(tmp_path / "profiles", D1, [profile])
    deliver(
        tmp_path / "profiles",
        D2,
        [profile, profile | {"tier": "pro", "updated_at": "2026-01-01T00:00:00Z"}],
    )
    ingest_files(warehouse, tmp_path / "events", D1, D2, profiles_url=tmp_path / "profiles")
    build()
    assert {(row[0], row[6], row[7]) for row in query(warehouse, FACTS)} == {
        ("before", "free", "EU"),
        ("free", "free", "EU"),
        ("pro", "pro", "EU"),
        ("nobody", "unknown", "unknown"),
    }
    assert query(warehouse, "select user_id, tier, versions from analytics.dim_users") == [
        ("u1", "pro", 2)
    ]


def test_a_corrected_profile_rebuilds_the_days_it_changes(warehouse, tmp_path):
    """An update later in time touches only later days; a correction of the past only its days."""
    days = [f"2026-01-0{n}" for n in range(1, 8)]
    for day in days:
        deliver(tmp_path / "events", day, [event(day, f"{day}T12:00:00Z")])
    profile = {
        "user_id": "u1",
        "tier": "free",
        "region": "EU",
        "updated_at": "2025-06-01T00:00:00Z",
    }
    profiles = tmp_path / "profiles"
    deliver(profiles, days[0], [profile])
    ingest_files(warehouse, tmp_path / "events", days[0], days[-1], profiles_url=profiles)
    build()

    def tiers() -> list[str]:
        sql = "select user_tier from analytics.fact_events order by event_date"
        return [tier for (tier,) in query(warehouse, sql)]

    def rebuilt() -> set[str]:
        sql = """select day::text from intermediate.built_days where model = 'fact_events'
            and built_at > now() - interval '1 minute' and invocation_id = (
            select invocation_id from intermediate.built_days order by built_at desc limit 1)"""
        return {day for (day,) in query(warehouse, sql)}

    assert tiers() == ["free"] * 7
    empty = tmp_path / "empty"
    for delivered_on, tier, since, changed in (
        (days[5], "pro", "2026-01-06T00:00:00Z", days[5:]),
        (days[6], "trial", "2026-01-03T00:00:00Z", days[2:5]),
    ):
        deliver(empty, delivered_on, [event(delivered_on, f"{delivered_on}T12:00:00Z")])
        deliver(profiles, delivered_on, [profile | {"tier": tier, "updated_at": since}])
        ingest_files(warehouse, empty, delivered_on, profiles_url=profiles)
        build()
        assert rebuilt() == {*changed}, "the events of the last day were the same again"
    assert tiers() == ["free"] * 2 + ["trial"] * 3 + ["pro"] * 2


def test_only_the_users_who_changed_are_derived_anew(warehouse, tmp_path):
    """Everybody is delivered again; one user is new, one is other than before, one as ever."""
    events, profiles = tmp_path / "events", tmp_path / "profiles"
    base = {"tier": "free", "region": "EU", "updated_at": "2025-06-01T00:00:00Z"}
    known = [base | {"user_id": user} for user in ("u1", "u2")]
    twice = base | {"user_id": "u2", "tier": "pro", "updated_at": "2025-12-01T00:00:00Z"}
    deliver(events, D1, [event("a", f"{D1}T10:00:00Z", user_id=u) for u in ("u1", "u2", "u3")])
    deliver(events, D2, [])
    deliver(profiles, D1, [*known, twice])
    ingest_files(warehouse, events, D1, profiles_url=profiles)
    build()
    written = "select user_id, version_number, tier, xmin::text from analytics.dim_user_versions"
    before = set(query(warehouse, written))

    deliver(profiles, D1, known)  # pro is taken back
    deliver(profiles, D2, [*known, base | {"user_id": "u3", "tier": "new"}])
    ingest_files(warehouse, events, D1, D2, profiles_url=profiles)
    build()
    after = set(query(warehouse, written))
    assert {row[:3] for row in after} == {("u1", 1, "free"), ("u2", 1, "free"), ("u3", 1, "new")}
    assert {row[:3] for row in after & before} == {("u1", 1, "free")}, "u1 was not written again"
    tiers = "select user_id, user_tier from analytics.fact_events order by 1"
    assert query(warehouse, tiers) == [("u1", "free"), ("u2", "free"), ("u3", "new")]
    assert query(warehouse, "select count(*) from raw.retracted_profiles") == [(0,)]

    build()
    assert set(query(warehouse, written)) == after


def test_a_profile_that_is_taken_back_is_gone_and_seen_to(warehouse, tmp_path):
    """The only one there is, of the only day."""
    profile = {"user_id": "u1", "tier": "free", "region": "EU"}
    deliver(tmp_path / "events", D1, [event("a", f"{D1}T10:00:00Z")])
    for records in ([profile | {"updated_at": "2025-06-01T00:00:00Z"}], []):
        deliver(tmp_path / "profiles", D1, records)
        ingest_files(warehouse, tmp_path / "events", D1, profiles_url=tmp_path / "profiles")
        build()
        assert len(query(warehouse, "select * from analytics.dim_users")) == len(records)
    assert query(warehouse, "select user_tier from analytics.fact_events") == [("unknown",)]
    assert query(warehouse, "select count(*) from raw.retracted_profiles") == [(0,)]


def test_a_profile_that_says_the_same_of_an_earlier_moment(warehouse, tmp_path):
    """Nothing is other than before, but since when it is so."""
    events, profiles = tmp_path / "events", tmp_path / "profiles"
    profile = {"user_id": "u1", "tier": "free", "region": "EU"}
    for day in (D1, D2):
        deliver(events, day, [event("a", f"{day}T10:00:00Z")])
    deliver(profiles, D1, [profile | {"updated_at": "2025-06-01T00:00:00Z"}])
    deliver(profiles, D2, [profile | {"updated_at": "2025-05-01T00:00:00Z"}])
    for day in (D1, D2):
        ingest_files(warehouse, events, day, profiles_url=profiles)
        build()
    since = """select version_number, (valid_from at time zone 'UTC')::date::text, valid_to
        from analytics.dim_user_versions"""
    assert query(warehouse, since) == [(1, "2025-05-01", None)]


def test_a_later_profile_that_changes_one_thing_reaches_the_fact(warehouse, tmp_path):
    """Only the region, only the tier, and from something to nothing."""
    events, profiles = tmp_path / "events", tmp_path / "profiles"
    first = {"tier": "free", "region": "EU", "updated_at": "2025-06-01T00:00:00Z"}
    later = {
        "region": {"region": "US"},
        "tier": {"tier": "pro"},
        "no region": {"region": None},
        "no tier": {"tier": None},
    }
    deliver(events, D1, [])
    deliver(events, D2, [event("a", f"{D2}T12:00:00Z", user_id=user) for user in later])
    deliver(profiles, D1, [first | {"user_id": user} for user in later])
    ingest_files(warehouse, events, D1, D2, profiles_url=profiles)
    build()
    of_users = "select user_id, user_tier, user_region from analytics.fact_events order by 1"
    assert query(warehouse, of_users) == [(user, "free", "EU") for user in sorted(later)]

    since = {"updated_at": f"{D2}T00:00:00Z"}
    deliver(
        profiles,
        D2,
        [first | since | changed | {"user_id": user} for user, changed in later.items()],
    )
    ingest_files(warehouse, events, D2, profiles_url=profiles)
    build()
    assert query(warehouse, of_users) == [
        ("no region", "free", "unknown"),
        ("no tier", "unknown", "EU"),
        ("region", "free", "US"),
        ("tier", "pro", "EU"),
    ]
    versions = "select user_id, versions from analytics.dim_users order by 1"
    assert query(warehouse, versions) == [(user, 2) for user in sorted(later)]
