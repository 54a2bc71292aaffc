"""The unit ledger: what is read again, what replaces what, and what stays."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import UserError
from core.progress import Progress
from ingestion.mapping.mapping import SHIPPED
from ingestion.retract import retract
from ingestion.settings import RetractSettings
from tests.helpers.pipeline import build, event, query
from tests.helpers.processes import run, run_fresh
from tests.helpers.units import D1, D2, D3, RAW, STATE, counts, facts, put, take

pytestmark = pytest.mark.tables_built


def test_the_same_again_writes_nothing(warehouse, tmp_path):
    put(tmp_path / f"{D1}.jsonl", "a", "b")
    take(warehouse, tmp_path / "%Y-%m-%d.jsonl")
    build()
    before = query(warehouse, STATE)
    result = take(warehouse, tmp_path / "%Y-%m-%d.jsonl")
    assert result.summary() == f"canonical: unchanged (1 unit, {D1})"
    assert result.load_id is None
    assert query(warehouse, STATE) == before
    built = "select model, kind, day, built_at from intermediate.built_days order by 1, 2, 3"
    days = query(warehouse, built)
    build()
    assert query(warehouse, built) == days, "nothing was out of date"


def moved(place: Path) -> None:
    """The same bytes with another time."""
    os.utime(place, (1_700_000_000, 1_700_000_000))


def copied(place: Path) -> None:
    """The same bytes in another file of the name."""
    shutil.copy(place, place.with_suffix(".new"))
    place.with_suffix(".new").replace(place)


@pytest.mark.parametrize("change", [moved, copied])
def test_another_time_of_the_same_content_writes_nothing(warehouse, tmp_path, change):
    place = tmp_path / f"{D1}.jsonl"
    put(place, "a", "b")
    take(warehouse, place)
    before = query(warehouse, STATE)
    fingerprint = "select fingerprint from raw.units"
    [(old,)] = query(warehouse, fingerprint)
    change(place)
    assert counts(take(warehouse, place)) == (0, 1, 0, 0)
    assert query(warehouse, STATE) == before
    assert query(warehouse, fingerprint) != [(old,)], "next time it need not be read"


def test_other_content_with_the_old_size_and_time_is_seen(warehouse, tmp_path):
    place = tmp_path / f"{D1}.jsonl"
    put(place, "a")
    moved(place)
    take(warehouse, place)
    put(place, "b")
    moved(place)
    assert counts(take(warehouse, place)) == (1, 0, 1, 0)
    assert query(warehouse, RAW) == [("b",)]


def test_one_changed_file_of_many_costs_that_file(warehouse, tmp_path):
    for hour in range(24):
        put(tmp_path / f"{D1}-{hour:02}.jsonl", f"h{hour:02}")
    template = tmp_path / "%Y-%m-%d-%H.jsonl"
    assert counts(take(warehouse, template)) == (24, 0, 0, 0)
    build()
    rows = "select event_id, xmin::text from raw.events where event_id <> 'h05' order by 1"
    before = query(warehouse, rows)
    put(tmp_path / f"{D1}-05.jsonl", "h05", "late")
    result = take(warehouse, template)
    assert counts(result) == (1, 23, 1, 0)
    assert (result.events.added_rows, result.events.replaced_rows) == (2, 1)
    assert (
        query(
            warehouse,
            "select event_id, xmin::text from raw.events "
            "where event_id not in ('h05', 'late') order by 1",
        )
        == before
    )
    assert set(facts(warehouse)) == {"late", *(f"h{hour:02}" for hour in range(24))}
    accounting = "select received, fact, duplicate, is_complete from analytics.row_accounting"
    assert query(warehouse, accounting) == [(25, 25, 0, True)]


def test_undated_files_add_and_the_same_path_replaces(warehouse, tmp_path):
    put(tmp_path / "one.jsonl", "a")
    put(tmp_path / "two.jsonl", "b")
    assert counts(take(warehouse, tmp_path / "one.jsonl")) == (1, 0, 0, 0)
    assert counts(take(warehouse, tmp_path / "two.jsonl")) == (1, 0, 0, 0)
    assert counts(take(warehouse, tmp_path / "*.jsonl", D3)) == (0, 2, 0, 0)
    assert counts(take(warehouse, str(tmp_path / "**" / "*.jsonl"), D3)) == (0, 2, 0, 0)
    assert facts(warehouse) == {"a": D1, "b": D1}, "the day on which they came first"
    put(tmp_path / "one.jsonl", "a", "c")
    take(warehouse, tmp_path / "*.jsonl", D3)
    assert facts(warehouse) == {"a": D3, "b": D1, "c": D3}


def test_a_path_is_the_same_however_it_is_written(warehouse, tmp_path):
    put(tmp_path / "one" / "a.jsonl", "a")
    ways = ("one/a.jsonl", "/one//a.jsonl", "one/./a.jsonl", "one/../one/a.jsonl")
    urls = [f"{tmp_path}/{way}" for way in ways]
    urls += [f"/{urls[0]}", f"file://{urls[0]}", os.path.relpath(urls[0])]
    assert [counts(take(warehouse, url))[0] for url in urls] == [1, 0, 0, 0, 0, 0, 0]
    assert query(warehouse, RAW) == [("a",)]


def test_an_undated_file_that_vanished_is_named_and_stays(warehouse, tmp_path):
    for name in ("one", "two"):
        put(tmp_path / f"{name}.jsonl", name)
    take(warehouse, tmp_path / "*.jsonl")
    (tmp_path / "one.jsonl").unlink()
    result = take(warehouse, tmp_path / "*.jsonl")
    assert result.events.vanished == (str(tmp_path / "one.jsonl"),)
    assert "one.jsonl" in result.summary()
    assert query(warehouse, RAW) == [("one",), ("two",)]
    assert take(warehouse, tmp_path / "two.jsonl").events.vanished == ()


def test_a_dated_file_that_vanished_is_retracted_with_its_window(warehouse, tmp_path):
    for name in ("one", "two"):
        put(tmp_path / f"{D1}-{name}.jsonl", name)
    take(warehouse, tmp_path / "%Y-%m-%d-*.jsonl")
    build()
    (tmp_path / f"{D1}-one.jsonl").unlink()
    result = take(warehouse, tmp_path / "%Y-%m-%d-*.jsonl")
    assert counts(result) == (0, 1, 0, 1)
    assert facts(warehouse) == {"two": D1}


def test_retract(warehouse, tmp_path):
    put(tmp_path / "one.jsonl", "a", "b")
    put(tmp_path / "two.jsonl", "c", day=D2)
    take(warehouse, tmp_path / "*.jsonl", D3)
    assert set(facts(warehouse)) == {"a", "b", "c"}
    before = query(warehouse, STATE)
    said = run("ingestion", "retract", UNIT="one.jsonl", DRY="1").stdout
    assert "2 events would be retracted" in said
    assert query(warehouse, STATE) == before
    done = run_fresh("ingestion", "retract", UNIT="one.jsonl")
    assert done.stdout == f"canonical: {tmp_path}/one.jsonl: 2 events retracted\n"
    assert facts(warehouse) == {"c": D3}
    accounting = "select received, fact, is_complete from analytics.row_accounting"
    assert query(warehouse, accounting) == [(1, 1, True)]
    again = run("ingestion", "retract", UNIT="one.jsonl")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert counts(take(warehouse, tmp_path / "*.jsonl", D3)) == (1, 1, 0, 0)
    assert set(facts(warehouse)) == {"a", "b", "c"}


def test_a_name_of_two_sources_or_windows_is_not_retracted(warehouse, tmp_path):
    other = tmp_path / "other.toml"
    shutil.copy(SHIPPED / "canonical.toml", other)
    put(tmp_path / "x.jsonl", "a")
    for mapping in ("canonical", str(other)):
        take(warehouse, tmp_path / "x.jsonl", mapping=mapping)
    with pytest.raises(UserError, match="one of canonical and other: give MAPPING="):
        retract(RetractSettings(unit="x.jsonl"), warehouse, Progress())
    retract(RetractSettings(unit="x.jsonl", mapping=str(other)), warehouse, Progress())
    assert query(warehouse, "select source from raw.events") == [("canonical",)]
    for day in ("2026-01-05", "2026-01-12"):  # Mondays
        put(tmp_path / "Monday.jsonl", day, day=day)
        take(warehouse, tmp_path / "%A.jsonl", day)
    with pytest.raises(UserError, match=r"is 2 units: give one of Monday\.jsonl@2026-01-05"):
        retract(RetractSettings(unit="Monday.jsonl"), warehouse, Progress())
    retract(RetractSettings(unit="Monday.jsonl@2026-01-05"), warehouse, Progress())
    assert query(warehouse, RAW) == [("2026-01-12",), ("a",)]


def test_force_reads_again_and_nothing_else_changes(warehouse, tmp_path):
    soon = (datetime.now(UTC) + timedelta(hours=30)).isoformat()
    put(tmp_path / "x.jsonl", "a")
    with (tmp_path / "x.jsonl").open("a") as file:
        file.write(json.dumps(event("soon", soon)) + "\n")
    take(warehouse, tmp_path / "x.jsonl")
    rows = """select event_id, event_ts, ingest_date, reject_reason, payload from raw.events
        order by payload::text"""
    before = query(warehouse, rows)
    assert [row[3] for row in before].count("event_ts_out_of_range") == 1
    # As if it had come two days ago: what was too early then is too early for good.
    query(
        warehouse, "update raw.units set received_at = received_at - interval '2 days' returning 1"
    )
    result = take(warehouse, tmp_path / "x.jsonl", D3, force=True)
    assert counts(result) == (1, 0, 1, 0)
    assert query(warehouse, rows) == before


def test_another_mapping_reads_again(warehouse, tmp_path):
    mapping = tmp_path / "mine.toml"
    shutil.copy(SHIPPED / "canonical.toml", mapping)
    put(tmp_path / "x.jsonl", "a")
    take(warehouse, tmp_path / "x.jsonl", mapping=str(mapping))
    text = mapping.read_text()
    mapping.write_text(text + "\n# only a word\n")
    assert counts(take(warehouse, tmp_path / "x.jsonl", mapping=str(mapping))) == (0, 1, 0, 0)
    mapping.write_text(
        text.replace('event_type = "', 'event_type = "upper(', 1).replace(
            'event_type"', 'event_type)"', 1
        )
    )
    assert counts(take(warehouse, tmp_path / "x.jsonl", mapping=str(mapping))) == (1, 0, 1, 0)
    assert query(warehouse, "select event_type from raw.events") == [("CLICK",)]


def test_dry_says_what_a_run_would_read(warehouse, tmp_path):
    for day in (D1, D2):
        put(tmp_path / f"{day}.jsonl", day)
    template = tmp_path / "%Y-%m-%d.jsonl"
    take(warehouse, template, D1, D2)
    put(tmp_path / f"{D2}.jsonl", "x", "y")
    # Times so young prove nothing; as if it had been an hour ago.
    query(warehouse, "update raw.units set checked_at = checked_at + interval '1 hour' returning 1")
    before = query(warehouse, STATE)
    said = take(warehouse, template, D1, D2, dry=True).summary()
    assert f"1 unit ({D2}.jsonl)" in said
    assert f"replace 1 row of {D2}.jsonl" in said
    assert query(warehouse, STATE) == before


def test_what_was_pruned_is_read_when_it_is_asked_for_again(warehouse, tmp_path):
    put(tmp_path / f"{D1}.jsonl", "a")
    take(warehouse, tmp_path / "%Y-%m-%d.jsonl")
    build()
    done = run("commands.prune", KEEP_DAYS="10")
    assert done.returncode == 0, done.stderr
    assert query(warehouse, RAW) == []
    assert counts(take(warehouse, tmp_path / "%Y-%m-%d.jsonl")) == (1, 0, 0, 0)
    assert query(warehouse, RAW) == [("a",)]


def test_what_a_machine_reads(warehouse, tmp_path):
    put(tmp_path / f"{D1}.jsonl", "a", "")
    settings = {"SOURCE": "files", "EVENTS_URL": str(tmp_path / "%Y-%m-%d.jsonl"), "FROM": D1}
    done = run("ingestion", "ingest", "--json", **settings)
    told = json.loads(done.stdout)
    fingerprint = told["tables"]["events"].pop("fingerprint")
    assert told["tables"]["events"] == {
        "units": {
            "read": [f"{D1}.jsonl"],
            "unchanged": 0,
            "replaced": [],
            "retracted": [],
            "missing": [],
            "vanished": [],
        },
        "rows": {
            "added": 2,
            "replaced": 0,
            "retracted": 0,
            "quarantined": {"missing_event_id": 1},
            "deletions": 0,
            "forgotten": 0,
        },
    }
    assert not told["unchanged"]
    again = json.loads(run("ingestion", "ingest", JSON="1", **settings).stdout)
    assert again["unchanged"]
    assert again["tables"]["events"]["fingerprint"] == fingerprint != ""
    put(tmp_path / f"{D1}.jsonl", "a", "b")
    dry = json.loads(run("ingestion", "ingest", DRY="1", JSON="1", **settings).stdout)
    assert dry["tables"]["events"]["fingerprint"] not in ("", fingerprint)


def test_deliveries_of_a_day_again_and_again_take_its_space_and_no_more(warehouse, tmp_path):
    size = "select pg_total_relation_size('raw.events')"
    place = tmp_path / f"{D1}.jsonl"
    sizes = []
    for round_ in range(11):
        put(place, *(f"{round_}-{number}" for number in range(5_000)))
        take(warehouse, place)
        sizes += query(warehouse, size)[0]
    # The new rows are there before the old ones go: a second delivery takes up to twice its size.
    assert max(sizes) < 1.1 * sizes[1] < 2.2 * sizes[0]
