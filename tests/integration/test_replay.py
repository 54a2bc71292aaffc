"""make replay: what a fixed mapping can read becomes events, exactly; nothing else changes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.mapping.mapping import SHIPPED
from tests.helpers.pipeline import build, event, full_refresh, ingest_files, query
from tests.helpers.processes import run, run_fresh
from tests.helpers.units import take

pytestmark = pytest.mark.tables_built

D1, D2, OLD = "2026-01-01", "2026-01-02", "2025-12-24"
FACTS = """select event_id, user_id, event_date::text, ingest_date::text, properties
    from analytics.fact_events order by 1, 2"""
QUARANTINED = """select ingest_date::text, reason, count(*) from analytics.quarantined_events
    group by 1, 2 order by 1, 2"""
ACCOUNTING = """select ingest_date::text, received, fact, duplicate, quarantined, is_complete
    from analytics.row_accounting order by 1"""
VERSIONS = "select day::text from raw.day_versions where kind = 'event_date' order by 1"


@pytest.fixture
def broken(warehouse, tmp_path):
    """Two days by a mapping that looks for the user in the wrong place on some records."""
    good = (SHIPPED / "canonical.toml").read_text()
    mapping = tmp_path / "shop.toml"
    mapping.write_text(good)
    late = event("late", f"{OLD}T10:00:00Z") | {"user_id": None, "uid": "u7", "n.o": 1}
    first = [
        event("a", f"{D1}T10:00:00Z"),
        event("b", f"{D1}T10:00:00Z", user_id=None),
        late,
        late,
        "{truncated",
        "\\u0000",
    ]
    lines = [line if isinstance(line, str) else json.dumps(line) for line in first]
    (tmp_path / f"{D1}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n\xff"))
    header = "event_id,event_type,event_ts,n.o,uid,user_id\n"
    row = f"c,click,{D2}T10:00:00Z,1,u8,\n"
    (tmp_path / f"{D2}.csv").write_text(header + row + f'd,click,{D2}T11:00:00Z,"x,u8\n')
    for day in (D1, D2):
        ingest_files(warehouse, f"{tmp_path}/%Y-%m-%d.*", day, mapping=str(mapping))
    build()
    return mapping


EVENT_DAYS = "select day::text, version from raw.day_versions where kind = 'event_date'"
REJECTED = [
    (D1, "invalid_encoding", 1),
    (D1, "malformed_json", 1),
    (D1, "missing_user_id", 3),
    (D1, "nul_character", 1),
    (D2, "malformed_csv", 1),
    (D2, "missing_user_id", 1),
]


def fix(mapping):
    text = mapping.read_text().replace(
        '\nuser_id = "user_id"\n', '\nuser_id = "coalesce(user_id, uid)"\n', 1
    )
    text = text.replace("[events.fields]\n", '[events.fields]\nuid = "uid"\n')
    mapping.write_text(text.replace('optional = ["region"]', 'optional = ["region", "uid"]'))


def test_replay_after_a_fix(warehouse, tmp_path, broken):
    assert query(warehouse, QUARANTINED) == REJECTED
    before = dict(query(warehouse, EVENT_DAYS))

    # Nothing was fixed: everything is offered, nothing becomes an event or another reason.
    done = run("ingestion", "replay", MAPPING=str(broken))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "shop: 8 records replayed, 0 became events"
    build()
    assert query(warehouse, QUARANTINED) == REJECTED

    fix(broken)
    done = run("ingestion", "replay", MAPPING=str(broken), REASON="missing_user_id")
    assert done.stdout.splitlines() == [
        "shop: 4 records replayed, 3 became events",
        "  missing_user_id: 4 replayed, 3 became events",
    ]
    after = dict(query(warehouse, EVENT_DAYS))
    assert {day for day in after if after[day] != before.get(day)} == {OLD, D2}
    build()
    assert query(warehouse, FACTS) == [
        ("a", "u1", D1, D1, {"id": "a"}),
        ("c", "u8", D2, D2, {"n.o": "1", "uid": "u8"}),
        ("late", "u7", OLD, D1, {"id": "late", "n.o": 1, "uid": "u7"}),
    ]
    accounting = query(warehouse, ACCOUNTING)
    assert accounting == [(D1, 7, 2, 1, 4, True), (D2, 2, 1, 0, 1, True)]
    facts = query(warehouse, FACTS)
    full_refresh()
    assert (query(warehouse, FACTS), query(warehouse, ACCOUNTING)) == (facts, accounting)

    # Delivering the day again replaces the replayed rows like all others.
    (tmp_path / f"{D1}.jsonl.gz").write_bytes(gzip.compress(b""))
    ingest_files(warehouse, f"{tmp_path}/%Y-%m-%d.*", D1, mapping=str(broken))
    build()
    assert [row[0] for row in query(warehouse, FACTS)] == ["c"]
    assert query(warehouse, ACCOUNTING)[0] == (D1, 0, 0, 0, 0, True)
    assert query(warehouse, "select count(*) from raw.events") == [(2,)]


def test_a_killed_or_refused_replay_loses_nothing(warehouse, broken):
    fix(broken)
    snapshot = "select * from raw.events order by ingest_date, event_id, payload::text"
    ledger = "select * from raw.delivered_days order by 1, 2, 3, 4, 5"
    before = [query(warehouse, sql) for sql in (snapshot, ledger, FACTS)]
    # What Postgres refuses at the last moment is a process that dies there.
    query(
        warehouse,
        "alter table raw.delivered_days add constraint no check (rows < 0) not valid; select 1",
    )
    done = run("ingestion", "replay", MAPPING=str(broken))
    assert done.returncode != 0
    visible = f"""select e.* from ({snapshot}) as e
        inner join raw.loads as l on l.load_id = e._dlt_load_id and l.completed_at is not null
        order by ingest_date, event_id, payload::text"""
    build()
    assert [query(warehouse, sql) for sql in (visible, ledger, FACTS)] == before
    query(warehouse, "alter table raw.delivered_days drop constraint no; select 1")
    assert run_fresh("ingestion", "replay", MAPPING=str(broken)).returncode == 0
    assert query(warehouse, "select count(*) from raw.events") == [(9,)]
    assert query(warehouse, "select count(*) from raw.loads where completed_at is null") == [(0,)]


def test_settings_that_name_nothing(warehouse, broken):
    for settings, named in (
        ({"REASON": "unheard_of"}, "error: REASON='unheard_of' is unknown: use one of oversized"),
        ({}, "error: MAPPING='shop' has quarantined records but is not there any more"),
        ({"MAPPING": "nowhere"}, "error: MAPPING='nowhere' is unknown"),
    ):
        done = run("ingestion", "replay", **settings)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(named)
    done = run("ingestion", "replay", REASON="oversized_record")
    assert done.stdout == "Nothing to replay: no quarantined record is oversized_record\n"


def test_a_replay_knows_when_each_unit_came(warehouse, tmp_path):
    """What was too late for the first receipt stays so, also beside a unit that came later."""
    soon = (datetime.now(UTC) + timedelta(hours=30)).isoformat()
    for name in ("early", "late"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(event(name, soon)) + "\n")
        take(warehouse, tmp_path / f"{name}.jsonl")
    # As if the second one had come a day later, when the moment was no longer so far away.
    query(
        warehouse,
        """update raw.units set received_at = received_at + interval '1 day'
        where unit like '%late.jsonl' returning 1""",
    )
    done = run("ingestion", "replay")
    assert done.stdout.splitlines()[0] == "canonical: 2 records replayed, 1 became events"
    assert query(warehouse, "select event_id from raw.events where reject_reason is null") == [
        ("late",)
    ]
