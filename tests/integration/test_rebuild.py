"""Days follow an edited model: day by day, or the whole table where its key is another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace

import pytest

from core.errors import UserError
from core.progress import Progress
from core.warehouse.connection import Warehouse
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, in_thread, ingest_files, query
from transform.event_days import out_of_date, state
from transform.rebuild import rebuild

pytestmark = pytest.mark.tables_built

DAYS = [f"2026-01-{day:02}" for day in range(1, 5)]
STATE = "select event_date::text, is_on_current_model from analytics.event_days order by 1"
DEDUP = "models/intermediate/int_events_deduplicated.sql"
FACTS = "models/marts/fact_events"
BETTER = ('(payload::text) collate "C" desc', '(payload::text) collate "C" asc')
WINNERS = "select properties ->> 'id' from analytics.fact_events order by event_date"
TYPE = """select format_type(atttypid, atttypmod) from pg_attribute
    where attrelid = 'analytics.fact_events'::regclass and attname = %s"""
UNIQUE = """select pg_get_indexdef(indexrelid) ~ %s from pg_index
    where indrelid = 'analytics.fact_events'::regclass and indisunique"""


def fill(warehouse, folder):
    """Four days, each with an event that is there twice; and a profile that is rejected."""
    for day in DAYS:
        at = f"{day}T10:00:00Z"
        twice = [event(day, at, properties={"id": name}) for name in ("a", "b")]
        deliver(folder / "events", day, twice)
    rejected = {"user_id": None, "tier": "t", "region": "r", "updated_at": "2026-01-01T00:00:00Z"}
    deliver(folder / "profiles", DAYS[0], [rejected])
    ingest_files(warehouse, folder / "events", DAYS[0], DAYS[-1])
    ingest_files(
        warehouse,
        folder / "events",
        DAYS[0],
        profiles_url=folder / "profiles",
        max_quarantined=1,
    )
    build()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkout")


@pytest.fixture
def project(folder, monkeypatch):
    return EditedProject(folder, monkeypatch)


@pytest.fixture
def reshaped(tmp_path, monkeypatch):
    """Of one test: dbt does not see that columns are as before."""
    return EditedProject(tmp_path / "checkout", monkeypatch)


def rebuilt(warehouse):
    return in_thread(rebuild, warehouse, None, Progress())


@contextmanager
def reader(warehouse: Warehouse) -> Iterator[None]:
    """Somebody counts the facts again and again: never other than four."""
    is_done, seen = Event(), set()

    def read() -> None:
        while not is_done.is_set():
            seen.update(query(warehouse, "select count(*) from analytics.fact_events"))

    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(read)
        try:
            yield
        finally:
            is_done.set()
        reading.result()
    assert seen == {(4,)}


def test_a_rebuild_knows_an_edit_that_nothing_has_built_yet(built, project):
    project.edit(DEDUP, *BETTER)
    assert rebuilt(built) == "4 days rebuilt"
    assert query(built, WINNERS) == [("a",)] * 4


def test_auto_does_it_in_a_transform(built, project, monkeypatch):
    monkeypatch.setenv("REBUILD", "auto")
    project.edit(DEDUP, *BETTER)
    said = build()
    assert "older" not in said
    assert query(built, WINNERS) == [("a",)] * 4
    assert query(built, STATE) == [(day, True) for day in DAYS]
    # A range is what was asked for, and no more.
    project.edit(DEDUP, *reversed(BETTER))
    build(DAYS[3], DAYS[3])
    assert query(built, WINNERS) == [*[("a",)] * 3, ("b",)]


def test_automation_is_told_older_days_newest_first(built, project, monkeypatch):
    monkeypatch.setattr("transform.event_days.DAYS_A_CHUNK", 2)
    project.edit(DEDUP, *BETTER)
    build(DAYS[3], DAYS[3])
    assert out_of_date(built) == {}
    monkeypatch.setenv("REBUILD", "auto")
    first = out_of_date(built)
    assert list(first) == DAYS[1:3]
    assert out_of_date(built) == first, "told once"
    project.edit(DEDUP, "region collate", "region  /* the same */ collate")
    project.edit(DEDUP, 'event_type collate "C" desc', 'event_type collate "C" asc')
    build(DAYS[3], DAYS[3])
    again = out_of_date(built)
    assert list(again) == DAYS[1:3]
    assert not {*again.values()} & {*first.values()}, "of other models"


def test_another_type_is_the_whole_table_once(built, reshaped):
    """A build stops and says so; a rebuild does it, beside readers."""
    reshaped.edit(
        f"{FACTS}.sql", "    ingest_date,\n", "    ingest_date::timestamp as ingest_date,\n"
    )
    text = "      - name: ingest_date\n        data_type: date\n"
    reshaped.edit(
        f"{FACTS}.yml",
        text,
        text.replace("date\n", "timestamp\n").replace("ingest_timestamp", "ingest_date"),
    )
    with pytest.raises(UserError):
        build(DAYS[0], DAYS[0])
    assert query(built, WINNERS) == [("b",)] * 4
    assert state(built).reshaped == ["fact_events"]
    assert "make rebuild builds the whole table beside it" in "\n".join(state(built).notes())
    with reader(built):
        assert rebuilt(built).startswith("fact_events built whole, 0 days")
    assert query(built, TYPE, "ingest_date") == [("timestamp without time zone",)]
    assert query(built, STATE) == [(day, True) for day in DAYS]
    assert state(built).reshaped == []
    assert rebuilt(built) == "0 days rebuilt"


def test_a_wider_key_is_the_whole_table_once(built, project, monkeypatch):
    project.edit(f"{FACTS}.sql", "'user_id', 'event_id']", "'user_id', 'event_id', 'region']")
    said = build()
    assert "fact_events: other columns or another key in the table than in the model" in said
    assert query(built, STATE) == [(day, False) for day in DAYS]
    monkeypatch.setenv("REBUILD", "auto")
    with reader(built):
        project.write("macros/another.sql", "{% macro another() %}{% endmacro %}\n")
        build()
    assert query(built, UNIQUE, "event_id, region") == [(True,)]
    assert query(built, STATE) == [(day, True) for day in DAYS]


def test_an_added_column_is_filled(built, reshaped):
    """It is null until then, and a check says of which days."""
    reshaped.edit(f"{FACTS}.sql", "    loaded_at\n", "    loaded_at,\n    1 as one\n")
    with (reshaped.dbt_dir / f"{FACTS}.yml").open() as file:
        text = file.read()
    added = "    columns:\n      - name: one\n        data_type: integer\n"
    reshaped.write(f"{FACTS}.yml", text.replace("    columns:\n", added, 1))
    assert "4 days are on older models" in build()
    rebuilt(built)
    assert query(built, "select distinct one from analytics.fact_events") == [(1,)]
    assert query(built, STATE) == [(day, True) for day in DAYS]


def test_the_disk_is_looked_at_before(built, project, monkeypatch, server_dir):
    project.edit(f"{FACTS}.sql", "'user_id', 'event_id']", "'user_id', 'event_id', 'region']")
    monkeypatch.setenv("LOCAL_DIR", str(server_dir))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"fact_events cannot be built .* and 1.0 kB are free"):
        rebuilt(built)
    assert query(built, UNIQUE, "event_id, region") == [(False,)]


def test_an_edit_of_a_table_of_profiles_reaches_all_days(built, project):
    """Its rows are few: the build that notes the edit builds them anew."""
    records = "select record ? 'was' from analytics.quarantined_profiles"
    assert query(built, records) == [(False,)]
    project.edit(
        "models/marts/quarantined_profiles.sql",
        "payload as record",
        "jsonb_build_object('was', payload) as record",
    )
    build()
    assert query(built, records) == [(True,)]
