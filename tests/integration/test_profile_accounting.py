"""Where every received profile went, and what is said of facts whose users are unknown."""

from __future__ import annotations

import pytest

from ingestion.mapping.mapping import SHIPPED
from tests.helpers.pipeline import Record, build, deliver, event, full_refresh, ingest_files, query
from tests.helpers.processes import run

pytestmark = pytest.mark.tables_built

D1, D2, D3 = "2026-01-01", "2026-01-02", "2026-01-03"
ACCOUNTING = """select ingest_date::text, received, version, repeat, quarantined, is_complete
    from analytics.profile_accounting order by 1"""
QUARANTINED = """select ingest_date::text, reason, count(*) from analytics.quarantined_profiles
    group by 1, 2 order by 1, 2"""
TIERS = "select user_id, user_tier from analytics.fact_events order by 1"
PROFILE = {"user_id": "u1", "tier": "free", "region": "EU", "updated_at": "2025-06-01T00:00:00Z"}


def warnings(said: str) -> int:
    """How many tests warned, in the line that a build ends with."""
    return int(said.split(", ")[-1].split()[0])


def without(key: str) -> dict[str, str]:
    return {
        name: PROFILE[name] for name in ("tier", "region", "user_id", "updated_at") if name != key
    }


@pytest.mark.quick
def test_a_feed_of_profiles_without_a_time(warehouse, tmp_path):
    """Everything is received, nothing is a version: it is said wherever a person looks."""
    users = [f"u{n}" for n in range(30)]
    deliver(tmp_path / "e", D1, [event("a", f"{D1}T10:00:00Z", user_id=user) for user in users])
    timeless = [without("updated_at") | {"user_id": user} for user in users]
    deliver(tmp_path / "p", D1, timeless)
    ingest_files(warehouse, tmp_path / "e", D1, profiles_url=tmp_path / "p")
    assert warnings(build()) == 1
    assert query(warehouse, ACCOUNTING) == [(D1, 30, 0, 0, 30, True)]
    assert query(warehouse, QUARANTINED) == [(D1, "missing_updated_at", 30)]
    records = query(warehouse, "select record from analytics.quarantined_profiles")
    assert sorted(records, key=str) == sorted(((record,) for record in timeless), key=str)
    said = run("reporting").stdout
    assert "Where every received profile went" in said
    assert "missing_updated_at" in said


def accounted(warehouse) -> list[tuple[object, ...]]:
    """The accounting, which a full refresh does not change."""
    said = query(warehouse, ACCOUNTING)
    full_refresh()
    assert query(warehouse, ACCOUNTING) == said, "after a full refresh"
    [(versions,)] = query(warehouse, "select count(*) from analytics.dim_user_versions")
    assert sum(row[2] for row in said) == versions
    assert all(row[-1] for row in said)
    return [row[:-1] for row in said]


def test_each_profile_is_a_version_a_repeat_or_quarantined(warehouse, tmp_path):
    """Counted on the day that said a version first, also where that day comes last or is taken
    back; and the same after a full refresh."""
    later = PROFILE | {"tier": "pro", "updated_at": f"{D2}T00:00:00Z"}
    other = PROFILE | {"user_id": "u2"}

    def ingest(day: str, delivered: list[Record | str]) -> None:
        deliver(tmp_path / "e", day, [])
        deliver(tmp_path / "p", day, delivered)
        ingest_files(warehouse, tmp_path / "e", day, profiles_url=tmp_path / "p")
        assert {row[0] for row in query(warehouse, ACCOUNTING) if not row[-1]} == {day}
        build()

    build()
    ingest(D2, [PROFILE, PROFILE, other, later])
    ingest(D3, [PROFILE, other, later, without("updated_at"), "{truncated"])
    assert accounted(warehouse) == [(D2, 4, 3, 1, 0), (D3, 5, 0, 3, 2)]
    ingest(D1, [other])  # D2 was the first to say so
    assert accounted(warehouse) == [(D1, 1, 1, 0, 0), (D2, 4, 2, 2, 0), (D3, 5, 0, 3, 2)]
    ingest(D2, [])
    assert accounted(warehouse) == [(D1, 1, 1, 0, 0), (D2, 0, 0, 0, 0), (D3, 5, 2, 1, 2)]
    ingest(D3, [without("user_id")])
    assert accounted(warehouse) == [(D1, 1, 1, 0, 0), (D2, 0, 0, 0, 0), (D3, 1, 0, 0, 1)]
    assert query(warehouse, QUARANTINED) == [(D3, "missing_user_id", 1)]


def test_a_profile_that_is_lost_fails_the_build(warehouse, tmp_path):
    deliver(tmp_path / "e", D1, [])
    deliver(tmp_path / "p", D1, [PROFILE])
    ingest_files(warehouse, tmp_path / "e", D1, profiles_url=tmp_path / "p")
    build()
    query(
        warehouse,
        "update raw.units set rows = 2 where table_name = 'user_profiles' returning 1",
    )
    done = run("transform")
    assert done.returncode == 2
    assert "/assert_profiles_accounted_for.sql: Got 1 result" in done.stderr


def test_a_day_of_too_many_unknown_users_warns(warehouse, tmp_path):
    """More than the share, not as many; of the days built; where there are profiles at all."""
    known = [PROFILE | {"user_id": f"u{n}"} for n in range(4)]
    users = ["u0", "u1", "u2", "u3", "nobody"]
    for day, others in ((D1, []), (D2, ["nobody else"]), (D3, ["nobody else"])):
        events = [event(day, f"{day}T10:00:00Z", user_id=user) for user in [*users, *others]]
        deliver(tmp_path / "e", day, events)
        deliver(tmp_path / "p", day, known)
    ingest_files(warehouse, tmp_path / "e", D1, D3)
    assert warnings(build()) == 0, "there are no profiles"

    ingest_files(warehouse, tmp_path / "e", D1, D3, profiles_url=tmp_path / "p")
    assert warnings(build()) == 1
    assert warnings(build(D1)) == 0, "one of five is not more than 0.2"
    assert warnings(build(D2)) == 1
    said = run("transform", FROM=D1, TO=D2, MAX_UNKNOWN_USERS="0.19").stderr
    assert "warn: warn_unknown_users, dbt/tests/warn_unknown_users.sql: Got 2 results" in said
    assert "warn" not in run("transform", FROM=D1, TO=D3, MAX_UNKNOWN_USERS="0.34").stderr


def test_a_share_that_is_none_is_refused(warehouse):
    done = run("transform", MAX_UNKNOWN_USERS="2")
    says = "error: MAX_UNKNOWN_USERS='2' is not a share: give a number from 0 to 1\n"
    assert (done.returncode, done.stderr) == (2, says)


def test_a_profile_without_a_time_holds_from_its_delivery_on(warehouse, tmp_path):
    """Where the mapping says so: for the first event of the day that it was delivered for."""
    mapping = tmp_path / "shop.toml"
    canonical = (SHIPPED / "canonical.toml").read_text()
    mapping.write_text(canonical.replace("[profiles]\n", '[profiles]\nwithout_time = "delivery"\n'))
    events = [
        event("last of D1", f"{D1}T23:59:59.999999Z"),
        event("first of D2", f"{D2}T00:00:00Z"),
    ]
    for day, profile in (
        (D1, without("updated_at")),
        (D2, PROFILE | {"tier": "pro", "updated_at": " "}),
        (D3, PROFILE | {"updated_at": "soon"}),
    ):
        deliver(tmp_path / "e", day, events if day == D1 else [])
        deliver(tmp_path / "p", day, [profile])
    profiles = tmp_path / "p"
    ingest_files(warehouse, tmp_path / "e", D1, D3, mapping=str(mapping), profiles_url=profiles)
    build()
    tiers = "select event_id, user_tier from analytics.fact_events order by 1"
    assert query(warehouse, tiers) == [("first of D2", "pro"), ("last of D1", "free")]
    assert [row[:-1] for row in query(warehouse, ACCOUNTING)] == [
        (D1, 1, 1, 0, 0),
        (D2, 1, 1, 0, 0),
        (D3, 1, 0, 0, 1),
    ]
    assert query(warehouse, QUARANTINED) == [(D3, "invalid_updated_at", 1)]
