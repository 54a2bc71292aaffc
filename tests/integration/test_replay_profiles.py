"""Rejected profiles are read again, and reach the facts; those of pruned days go."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.progress import Progress
from ingestion.mapping.mapping import SHIPPED
from ingestion.replay import replay
from ingestion.settings import ReplaySettings
from tests.helpers.pipeline import build, deliver, event, full_refresh, ingest_files, query
from tests.helpers.processes import run, start
from tests.helpers.waiting import wait_until

pytestmark = pytest.mark.tables_built

D1, D2 = "2026-01-01", "2026-01-02"
ACCOUNTING = """select ingest_date::text, received, version, repeat, quarantined, is_complete
    from analytics.profile_accounting order by 1"""
TIERS = "select user_id, user_tier, user_region from analytics.fact_events order by 1"
LEDGER = "select table_name, unit, rows, live from raw.units order by 1, 2"


@pytest.fixture
def wrong(warehouse, tmp_path: Path) -> Path:
    """A mapping that looks for the profiles' time where it is not, and what it rejected."""
    mapping = tmp_path / "crm.toml"
    text = (SHIPPED / "canonical.toml").read_text()
    head, _, profiles = text.partition("[profiles.fields]")
    mapping.write_text(head + "[profiles.fields]" + profiles.replace('"updated_at"', '"changed"'))
    users = ("u1", "u2")
    for day in (D1, D2):
        deliver(tmp_path / "e", day, [event(day, f"{day}T10:00:00Z", user_id=u) for u in users])
        profiles_of = [
            {
                "user_id": user,
                "tier": f"pro {day}",
                "region": "EU",
                "updated_at": f"{day}T00:00:00Z",
            }
            for user in users
        ]
        deliver(tmp_path / "p", day, [*profiles_of, {"tier": "free", "updated_at": D1}])
    ingest_files(
        warehouse, tmp_path / "e", D1, D2, mapping=str(mapping), profiles_url=tmp_path / "p"
    )
    build()
    assert query(warehouse, ACCOUNTING) == [(day, 3, 0, 0, 3, True) for day in (D1, D2)]
    return mapping


def test_rejected_profiles_become_versions(warehouse, tmp_path, wrong):
    ledger = query(warehouse, LEDGER)
    wrong.write_text(wrong.read_text().replace('"changed"', '"updated_at"'))
    done = run("ingestion", "replay", MAPPING=str(wrong), REASON="missing_updated_at")
    assert done.stdout.splitlines()[0] == "crm: 4 records replayed, 4 became user profiles"
    build()
    expected = [(user, f"pro {day}", "EU") for user in ("u1", "u2") for day in (D1, D2)]
    assert query(warehouse, TIERS) == expected
    assert query(warehouse, ACCOUNTING) == [(day, 3, 2, 0, 1, True) for day in (D1, D2)]
    assert query(warehouse, LEDGER) == ledger
    full_refresh()
    assert query(warehouse, TIERS) == expected


def test_a_replay_of_both_tables_is_one_load(warehouse, tmp_path, wrong):
    deliver(tmp_path / "e", D2, [event("", f"{D2}T10:00:00Z"), event("x", f"{D2}T11:00:00Z")])
    ingest_files(warehouse, tmp_path / "e", D2, mapping=str(wrong))
    loads = query(warehouse, "select count(*) from raw.loads")[0][0]
    results = replay(ReplaySettings(mapping=str(wrong)), warehouse, Progress())
    offered = {result.table: dict(result.offered) for result in results}
    assert offered == {
        "events": {"missing_event_id": 1},
        "user_profiles": {"missing_updated_at": 4, "missing_user_id": 2},
    }
    assert query(warehouse, "select count(*) from raw.loads") == [(loads + 1,)]
    build()
    assert query(warehouse, ACCOUNTING) == [(day, 3, 0, 0, 3, True) for day in (D1, D2)]


def test_a_killed_replay_of_profiles_is_invisible_and_the_next_one_ends_it(warehouse, wrong):
    """Killed while its load is announced and not yet live; many profiles, so that there is time."""
    many = 60_000
    users = [
        {"user_id": f"u{n}", "tier": "free", "updated_at": f"{D2}T01:00:00Z"} for n in range(many)
    ]
    deliver(wrong.parent / "p", D2, users)
    files = {"mapping": str(wrong), "profiles_url": wrong.parent / "p"}
    ingest_files(warehouse, wrong.parent / "e", D2, **files)
    build()
    state = [query(warehouse, sql) for sql in (ACCOUNTING, TIERS, LEDGER)]
    wrong.write_text(wrong.read_text().replace('"changed"', '"updated_at"'))

    process = start("ingestion", "replay", MAPPING=str(wrong))
    begun = "select from raw.loads where completed_at is null"
    wait_until(lambda: query(warehouse, begun), process)
    process.kill()
    assert len(query(warehouse, begun)) == 1, "it was killed in its middle"
    build()
    assert [query(warehouse, sql) for sql in (ACCOUNTING, TIERS, LEDGER)] == state

    done = run("ingestion", "replay", MAPPING=str(wrong))
    assert f"{many + 2:,} became user profiles" in done.stdout, done.stderr
    build()
    assert query(warehouse, ACCOUNTING) == [
        (D1, 3, 2, 0, 1, True),
        (D2, many, many, 0, 0, True),
    ]
    assert query(warehouse, begun) == []
    assert query(warehouse, "select count(*) from raw.user_profiles") == [(many + 3,)]
    assert query(warehouse, LEDGER) == state[2]


def test_rejected_profiles_of_pruned_days_go(warehouse, wrong):
    done = run("commands.prune", KEEP_DAYS="10")
    assert done.returncode == 0, done.stderr
    assert query(warehouse, "select count(*) from raw.user_profiles") == [(0,)]
    assert query(warehouse, "select count(*) from analytics.quarantined_profiles") == [(0,)]
