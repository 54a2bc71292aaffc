"""Records that say that an event was deleted: the fact goes, and the accounting knows why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import UserError
from core.progress import Progress
from ingestion.mapping.mapping import SHIPPED
from ingestion.retract import retract
from ingestion.settings import RetractSettings
from tests.helpers.pipeline import build, event, full_refresh, query
from tests.helpers.processes import run
from tests.helpers.units import put, take

pytestmark = pytest.mark.tables_built

D1, D2, D3 = "2026-01-01", "2026-01-02", "2026-01-03"
FACTS = "select event_id, user_id, ingest_date::text from analytics.fact_events order by 1, 2"
ACCOUNTS = """select ingest_date::text, received, fact, duplicate, quarantined, retracted
    from analytics.row_accounting where is_complete order by 1"""
BUILT = "select day::text, built_at from intermediate.built_days where model = 'fact_events'"


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    """The canonical record with an operation."""
    text = (SHIPPED / "canonical.toml").read_text()
    text = text.replace("[events]\n", "[events]\ndeleted = \"op = 'delete'\"\n", 1)
    text = text.replace("[events.fields]\n", '[events.fields]\nop = "op"\n', 1)
    place = tmp_path / "changes.toml"
    place.write_text(text)
    return str(place)


def deletion(event_id: str, **more: object) -> dict[str, object]:
    """Of an event of u1; no type and no time."""
    return {"event_id": event_id, "user_id": "u1", "op": "delete"} | more


def land(warehouse, tmp_path, mapping, day, *records):
    (tmp_path / f"{day}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return take(warehouse, tmp_path / "%Y-%m-%d.jsonl", day, mapping=mapping)


def test_a_deletion_takes_the_fact_and_its_day_alone_is_built(warehouse, tmp_path, mapping):
    land(
        warehouse,
        tmp_path,
        mapping,
        D1,
        event("a", f"{D1}T01:00:00Z"),
        event("a", f"{D1}T01:00:00Z", user_id="u2"),
        event("b", f"{D1}T02:00:00Z"),
    )
    land(warehouse, tmp_path, mapping, D2, event("c", f"{D2}T01:00:00Z"))
    build()
    before = dict(query(warehouse, BUILT))
    result = land(
        warehouse,
        tmp_path,
        mapping,
        D3,
        deletion("a"),
        deletion("never there"),
        deletion("", event_ts=f"{D1}T01:00:00Z"),
    )
    assert result.events.deletions == 2
    assert result.events.rejected == {"missing_event_id": 1}
    build()
    assert query(warehouse, FACTS) == [("a", "u2", D1), ("b", "u1", D1), ("c", "u1", D2)]
    assert {day for day, at in query(warehouse, BUILT) if before.get(day) != at} == {D1}
    assert query(warehouse, ACCOUNTS) == [
        (D1, 3, 2, 0, 0, 1),
        (D2, 1, 1, 0, 0, 0),
        (D3, 3, 0, 0, 1, 2),
    ]
    reasons = "select reason from analytics.quarantined_events"
    assert query(warehouse, reasons) == [("missing_event_id",)]


def test_an_event_comes_back_where_the_deletion_goes_or_it_is_delivered_again(
    warehouse, tmp_path, mapping
):
    land(warehouse, tmp_path, mapping, D1, event("a", f"{D1}T01:00:00Z"))
    land(warehouse, tmp_path, mapping, D2, deletion("a", event_ts=f"{D1}T01:00:00Z"))
    build()
    assert query(warehouse, FACTS) == []
    retract(RetractSettings(unit=f"{D2}.jsonl"), warehouse, Progress())
    build()
    assert query(warehouse, FACTS) == [("a", "u1", D1)]
    take(warehouse, tmp_path / "%Y-%m-%d.jsonl", D2, mapping=mapping)
    build()
    assert query(warehouse, FACTS) == []
    land(warehouse, tmp_path, mapping, D3, event("a", f"{D1}T03:00:00Z"))
    build()
    assert query(warehouse, FACTS) == [("a", "u1", D3)]
    assert query(warehouse, ACCOUNTS) == [
        (D1, 1, 0, 0, 0, 1),
        (D2, 1, 0, 0, 0, 1),
        (D3, 1, 1, 0, 0, 0),
    ]
    # The event is late: it comes after its deletion, for a day before it.
    land(warehouse, tmp_path, mapping, D1, event("late", f"{D1}T01:00:00Z"))
    land(warehouse, tmp_path, mapping, D2, deletion("late"), deletion("a"))
    land(warehouse, tmp_path, mapping, D1, event("late", f"{D1}T01:30:00Z"))
    build()
    assert query(warehouse, FACTS) == [("a", "u1", D3)]
    replayed = run("ingestion", "replay", MAPPING=mapping)
    assert "Nothing to replay" in replayed.stdout, "a deletion is not quarantined"


def test_other_formats_and_sources_without_it(warehouse, tmp_path, mapping):
    (tmp_path / f"{D1}.csv").write_text(
        "event_id,user_id,event_type,event_ts,region,properties,op\n"
        f"a,u1,t,{D1}T01:00:00Z,eu,{{}},insert\nb,u1,t,{D1}T01:00:00Z,eu,{{}},\nb,u1,,,,,delete\n"
    )
    take(warehouse, tmp_path / "%Y-%m-%d.csv", D1, mapping=mapping)
    put(tmp_path / f"{D2}.jsonl", "c", day=D2, op="delete")
    take(warehouse, tmp_path / "%Y-%m-%d.jsonl", D2)
    build()
    assert query(warehouse, FACTS) == [("a", "u1", D1), ("c", "u1", D2)]


def test_what_says_neither_is_quarantined(warehouse, tmp_path, mapping):
    text = Path(mapping).read_text().replace("op = 'delete'", "op")
    Path(mapping).write_text(text)
    records = [event(op or "none", f"{D1}T01:00:00Z", op=op) for op in ("maybe", "false", None)]
    land(warehouse, tmp_path, mapping, D1, *records, deletion("false", user_id="u2", op=True))
    reasons = "select event_id, reject_reason from raw.events order by 1, 2"
    assert query(warehouse, reasons) == [
        ("false", "deletion"),
        ("false", None),
        ("maybe", "invalid_deleted"),
        ("none", None),
    ]
    Path(mapping).write_text(text.replace('deleted = "op"', "deleted = true"))
    with pytest.raises(UserError, match="deleted = True, not a text"):
        take(warehouse, tmp_path / "%Y-%m-%d.jsonl", D1, mapping=mapping)


def test_a_deletion_is_pruned_with_its_event_and_not_before(warehouse, tmp_path, mapping):
    """Files of one day may have events of later ones: their deletion is older than they are."""
    today = datetime.now(UTC).date()
    old, recent = (f"{today - timedelta(days=days)}" for days in (20, 2))
    land(warehouse, tmp_path, mapping, old, event("a", f"{recent}T01:00:00Z"), deletion("a"))
    build()
    for days, left in (("10", 2), ("1", 0)):
        done = run("commands.prune", KEEP_DAYS=days)
        assert done.returncode == 0, done.stderr
        assert query(warehouse, "select count(*) from raw.events") == [(left,)]
        full_refresh()
        assert query(warehouse, FACTS) == []
