"""Who was forgotten stays away: whatever is delivered or replayed, and it is counted."""

from __future__ import annotations

import pytest

from core.errors import Unavailable, UserError
from core.progress import Progress
from core.warehouse.connection import Warehouse
from ingestion.forget import forget_user, leave_out
from tests.helpers.people import AT, DAY, HELD, PER_USER
from tests.helpers.pipeline import build, deliver, event, full_refresh, ingest_files, query
from tests.helpers.processes import run

pytestmark = pytest.mark.tables_built

NEXT = "2026-03-02"
ACCOUNTS = """
    select 'events', received, fact + duplicate, quarantined, forgotten
    from analytics.row_accounting
    union all
    select 'profiles', received, version + repeat, quarantined, forgotten
    from analytics.profile_accounting order by 1
"""


def test_no_delivery_brings_them_back(warehouse, delivered, tmp_path, monkeypatch):
    delivered(["17", "5"])
    before = query(warehouse, ACCOUNTS)
    assert run("commands.forget", USER_ID="17").returncode == 0
    after = query(warehouse, HELD)
    events, profiles = tmp_path / "events", tmp_path / "profiles"
    # The same files once more, read anew since their fingerprints are older ones.
    for folder in (events, profiles):
        file = folder / f"{DAY}.jsonl"
        file.write_text(file.read_text() + "\n")
    result = ingest_files(warehouse, events, DAY, profiles_url=profiles, max_quarantined=1)
    assert f"{PER_USER} of forgotten users left out" in " ".join(result.summary().split())
    assert result.as_json()["tables"]["user_profiles"]["rows"]["forgotten"] == 2
    assert query(warehouse, HELD) == after
    build()
    assert query(warehouse, ACCOUNTS) == [
        ("events", before[0][1], 1, PER_USER, PER_USER),
        ("profiles", before[1][1], 1, 1, 2),
    ]
    full_refresh()
    assert query(warehouse, ACCOUNTS)[0][1:] == (before[0][1], 1, PER_USER, PER_USER)
    # As a number, in another file, of another day.
    deliver(events, NEXT, [event("number", f"{NEXT}T01:00:00Z", user_id=17)])
    ingest_files(warehouse, events, NEXT)
    assert query(warehouse, HELD) == after
    held = "select rows, forgotten from raw.units where live and unit = %s"
    assert query(warehouse, held, f"{NEXT}.jsonl") == [(0, 1)]


REPLAYED = """
name = "theirs"
[events]
event_id = "event_id"
user_id = "{user}"
event_type = "event_type"
event_ts = "event_ts"
region = "region"
[events.fields]
event_id = "event_id"
user = "user_id"
uid = "uid"
event_type = "event_type"
event_ts = "event_ts"
region = "region"
""".replace('name = "theirs"\n', "")


def test_no_replay_brings_them_back(warehouse, tmp_path):
    """The records say whose they are only to the mapping that was mended."""
    mapping = tmp_path / "theirs.toml"
    mapping.write_text(REPLAYED.format(user="user"))
    records = [event("a", AT, user_id=None, uid="x-17"), event("b", AT, user_id=None, uid=5)]
    deliver(tmp_path / "events", DAY, [*records, event("c", AT, user_id="17")])
    ingest_files(warehouse, tmp_path / "events", DAY, mapping=str(mapping), max_quarantined=1)
    build()
    assert run("commands.forget", USER_ID="17").returncode == 0
    mapping.write_text(REPLAYED.format(user="replace(uid, 'x-', '')"))
    settings = {"MAPPING": str(mapping)}
    dry = run("ingestion", "replay", DRY="1", **settings)
    assert "2 records would be replayed (DRY), 1 would become events" in dry.stdout
    held = "select event_id, user_id from raw.events order by 1"
    assert query(warehouse, held) == [("a", None), ("b", None)]
    done = run("ingestion", "replay", **settings)
    assert done.returncode == 0, done.stderr
    assert query(warehouse, held) == [("b", "5")]
    assert query(warehouse, "select rows, forgotten from raw.units where live") == [(1, 1)]
    build()
    assert query(warehouse, ACCOUNTS) == [("events", 2, 1, 0, 1)]


class Forgets(Progress):
    """Somebody forgets a user while a load copies its rows."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__()
        self.warehouse = warehouse

    def step(self, what: str) -> None:
        if what == "completing the load":
            leave_out(self.warehouse, "u1")
            forget_user(self.warehouse, "u1")


def test_a_load_under_way_does_not_bring_them_back(warehouse, tmp_path):
    deliver(tmp_path, DAY, [event("a", AT), event("b", AT, user_id="u2")])
    with pytest.raises(Unavailable, match="a user was forgotten while records were read"):
        ingest_files(warehouse, tmp_path, DAY, progress=Forgets(warehouse))
    ingest_files(warehouse, tmp_path, DAY)
    assert query(warehouse, "select user_id from raw.events") == [("u2",)]


def test_the_key_is_kept_or_is_hash_key(warehouse, delivered, tmp_path, monkeypatch):
    delivered(["17", "5"])
    assert run("commands.forget", USER_ID="5").returncode == 0
    [(kept,)] = query(warehouse, "select key from raw.forgotten_keys")
    assert len(kept) == 64
    monkeypatch.setenv("HASH_KEY", "the key of a test, long enough")
    assert run("commands.forget", USER_ID="17").returncode == 0
    keys = "select key is null, count(*) from raw.forgotten join raw.forgotten_keys using (key_id)"
    assert query(warehouse, f"{keys} group by 1 order by 1") == [(False, 1), (True, 1)]
    records = [event("x", AT, user_id=user) for user in ("17", "5", "6")]
    deliver(tmp_path / "more", NEXT, records)
    ingest_files(warehouse, tmp_path / "more", NEXT)
    known = "select user_id from raw.events where ingest_date = %s"
    assert query(warehouse, known, NEXT) == [("6",)]
    # With another key, or none, nobody can tell who was forgotten: no load.
    for key, named in (("", "is not set"), ("another key, also long enough", "is another one")):
        monkeypatch.setenv("HASH_KEY", key)
        with pytest.raises(UserError, match=f"HASH_KEY {named}, and 1 users were forgotten"):
            ingest_files(warehouse, tmp_path / "more", NEXT)
