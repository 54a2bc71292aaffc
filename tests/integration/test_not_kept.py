"""`drop` and `hash` in the warehouse: no value is anywhere, and facts find their users."""

from __future__ import annotations

import json

import pytest

from core.errors import UserError
from core.keyed_hash import keyed_hash
from core.progress import Progress
from ingestion.mapping.mapping import SHIPPED
from ingestion.replay import replay
from ingestion.settings import ReplaySettings
from tests.helpers.everywhere import everywhere
from tests.helpers.paged_api import Said, paged_api
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run
from tests.helpers.resources import land
from tests.helpers.units import D1, take

pytestmark = pytest.mark.tables_built

CANARY = "canary@example.com"
NOT_A_RECORD = "not kept: 32 bytes that are no record"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("HASH_KEY", "a key that only the tests have")


def cleaned(tmp_path, said='hash = ["user_id", "properties.email"]\ndrop = ["ip"]') -> str:
    text = (SHIPPED / "canonical.toml").read_text()
    for table in ("events", "profiles"):
        text = text.replace(f"[{table}.fields]", f"{said}\n[{table}.fields]")
    path = tmp_path / "canonical.toml"
    path.write_text(text)
    return str(path)


def events(*more):
    plain = event("a", f"{D1}T01:00:00Z", user_id=CANARY, ip=CANARY, properties={"email": CANARY})
    return [
        plain,
        plain | {"event_id": "b", "event_ts": "never"},
        f'{{"user_id": "{CANARY}"',
        *more,
    ]


def test_facts_and_profiles_have_the_same_hash_and_nothing_else_is_anywhere(warehouse, tmp_path):
    deliver(tmp_path / "e", D1, events())
    profile = {"user_id": CANARY, "tier": "gold", "region": "eu", "ip": CANARY}
    times = ({"updated_at": f"{D1}T00:00:00Z"}, {"updated_at": "never"})
    deliver(tmp_path / "p", D1, [profile | time for time in times])
    mapping = cleaned(tmp_path)
    result = ingest_files(
        warehouse, tmp_path / "e", D1, mapping=mapping, profiles_url=tmp_path / "p"
    )
    build()
    [(user, tier, properties)] = query(
        warehouse, "select user_id, user_tier, properties from analytics.fact_events"
    )
    assert (user, tier) == (keyed_hash(CANARY), "gold")
    assert properties == {"email": keyed_hash(CANARY)}
    quarantined = dict(query(warehouse, "select reason, record from analytics.quarantined_events"))
    assert quarantined["malformed_json"] == NOT_A_RECORD
    assert quarantined["invalid_event_ts"]["user_id"] == keyed_hash(CANARY)
    assert query(warehouse, "select count(*) from analytics.quarantined_profiles") == [(1,)]
    everything = everywhere(warehouse) + result.summary() + json.dumps(result.as_json())
    assert "canary" not in everything
    assert "only the tests" not in everything


def test_an_api_and_a_resource_are_cleaned_too(warehouse, tmp_path, theirs):
    mapping = cleaned(tmp_path)
    answer = {"events": [each for each in events() if isinstance(each, dict)], "next_cursor": None}
    empty = {"user_profiles": [], "next_cursor": None}
    with paged_api(lambda call: Said(answer if call.path == "/events" else empty)) as api:
        take(warehouse, api.url, mapping=mapping, connector="api")
    name = theirs(f"""
        def events():
            yield event("of dlt", user_id="{CANARY}", ip="{CANARY}")
    """)
    land(warehouse, f"{name}:events", mapping=mapping)
    users = query(warehouse, "select distinct user_id from raw.events where user_id is not null")
    assert users == [(keyed_hash(CANARY),)]
    assert "canary" not in everywhere(warehouse)


def test_a_replay_hashes_what_was_not_hashed_and_nothing_twice(warehouse, tmp_path):
    late = event("c", f"{D1}T01:00:00Z", user_id=CANARY, event_type="")
    deliver(tmp_path / "e", D1, events(late))
    ingest_files(warehouse, tmp_path / "e", D1)
    assert "canary" in everywhere(warehouse)
    path = cleaned(tmp_path)
    fixed = (tmp_path / "canonical.toml").read_text()
    fixed = fixed.replace(
        'event_type = "event_type"', "event_type = \"coalesce(event_type, 'x')\"", 1
    )
    for text in ((tmp_path / "canonical.toml").read_text(), fixed.replace("''", "'y'")):
        (tmp_path / "canonical.toml").write_text(text)
        replay(ReplaySettings(mapping=path), warehouse, Progress())
        rows = """select payload ->> 'user_id' from raw.events
            where reject_reason in ('invalid_event_ts', 'missing_event_type')"""
        assert {row[0] for row in query(warehouse, rows)} == {keyed_hash(CANARY)}
    [(said,)] = query(
        warehouse, "select payload #>> '{}' from raw.events where reject_reason = 'malformed_json'"
    )
    assert said == NOT_A_RECORD


def test_another_key_reads_all_again_and_none_reads_nothing(warehouse, tmp_path, monkeypatch):
    deliver(tmp_path / "e", D1, events())
    mapping = cleaned(tmp_path)
    ingest_files(warehouse, tmp_path / "e", D1, mapping=mapping)
    assert ingest_files(warehouse, tmp_path / "e", D1, mapping=mapping).load_id is None
    monkeypatch.setenv("HASH_KEY", "another key that the tests have")
    ingest_files(warehouse, tmp_path / "e", D1, mapping=mapping)
    users = "select user_id from raw.events where event_id = 'a'"
    assert query(warehouse, users) == [(keyed_hash(CANARY),)]
    monkeypatch.delenv("HASH_KEY")
    with pytest.raises(UserError, match="HASH_KEY is not set"):
        ingest_files(warehouse, tmp_path / "e", D1, mapping=mapping)


def test_a_field_that_all_records_had_and_none_has_is_refused(warehouse, tmp_path):
    mapping = cleaned(tmp_path, 'hash = ["mail"]')
    moment = f"{D1}T01:00:00Z"
    deliver(tmp_path / "e", D1, [event(f"{n}", moment, mail=CANARY) for n in range(200)])
    ingest_files(warehouse, tmp_path / "e", D1, mapping=mapping)
    deliver(tmp_path / "e", D1, [event(f"{n}", moment, e_mail=CANARY) for n in range(200)])
    with pytest.raises(UserError, match="needs the field 'mail': 200 of 200 records looked at had"):
        ingest_files(warehouse, tmp_path / "e", D1, mapping=mapping)
    assert "canary" not in everywhere(warehouse)


def test_the_command_line_shows_no_value_and_no_key(warehouse, tmp_path):
    deliver(tmp_path / "e", D1, events())
    given = warehouse.libpq_env() | {"FROM": D1, "MAPPING": cleaned(tmp_path)}
    given |= {"EVENTS_URL": f"{tmp_path}/e/%Y-%m-%d.jsonl"}
    done = run("ingestion", "ingest", **given, HASH_KEY="another canary of the key")
    assert done.returncode == 0, done.stderr
    refused = run("ingestion", "ingest", **given, HASH_KEY="")
    assert refused.returncode == 2
    assert "error: HASH_KEY is not set" in refused.stderr
    assert "canary" not in done.stdout + done.stderr + refused.stdout + refused.stderr
