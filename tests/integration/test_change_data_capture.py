"""A publication for all tables, as change data capture makes it: every command still works.

Postgres refuses to update or delete rows of a published table that has no replica identity.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.helpers.pipeline import build, deliver, event, full_refresh, ingest_files, query
from tests.helpers.processes import run

OLD, RECENT, NEXT = [
    (datetime.now(UTC).date() - timedelta(days=days)).isoformat() for days in (10, 3, 2)
]
EVENTS = "select event_id from analytics.fact_events order by 1"


def publish(warehouse):
    query(warehouse, "create publication all_of_it for all tables; select 1")


@pytest.mark.parametrize("is_there_before", [pytest.param(True, marks=pytest.mark.full), False])
def test_every_command_works(warehouse, tmp_path, is_there_before):
    if is_there_before:
        publish(warehouse)
    land(warehouse, tmp_path, OLD, "old", "gone")
    land(warehouse, tmp_path, RECENT, "a", "gone")
    build()
    if not is_there_before:
        publish(warehouse)
    land(warehouse, tmp_path, RECENT, "b", "c", tier="other")  # another file in its place
    build()
    assert query(warehouse, EVENTS) == [("b",), ("c",), ("gone",), ("old",)]
    land(warehouse, tmp_path, NEXT, "d")
    build()
    succeed("ingestion", "retract", UNIT=f"{NEXT}.jsonl")
    build()
    succeed("ingestion", "replay", FROM=OLD, TO=NEXT)
    succeed("commands.forget", USER_ID="gone")
    assert query(warehouse, EVENTS) == [("b",), ("c",), ("old",)]
    land(warehouse, tmp_path, NEXT, "e")
    succeed("commands.prune", KEEP_DAYS="8")
    assert query(warehouse, EVENTS) == [("b",), ("c",), ("e",)]
    full_refresh()
    land(warehouse, tmp_path, NEXT, "f")
    build()
    assert query(warehouse, EVENTS) == [("b",), ("c",), ("f",)]


def land(warehouse, folder, day, *ids, tier="free"):
    """A day's file of events, one of them rejected, and of profiles, one of them rejected."""
    records = [event(each, f"{day}T10:00:00Z", user_id=each) for each in ids]
    deliver(folder / "events", day, [*records, event("bad", "never", user_id="bad")])
    profile = {"tier": tier, "region": "EU", "updated_at": f"{day}T00:00:00Z"}
    users = [{"user_id": each} | profile for each in ids]
    deliver(folder / "profiles", day, [*users, {"user_id": "bad", "updated_at": "never"}])
    ingest_files(warehouse, folder / "events", day, profiles_url=folder / "profiles")


def succeed(*arguments, **settings):
    done = run(*arguments, **settings)
    assert done.returncode == 0, done.stderr
