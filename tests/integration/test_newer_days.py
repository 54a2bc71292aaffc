"""A day never becomes older again: what another run has built from newer rows meanwhile stays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from dbt.cli.main import dbtRunner

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.waiting import LONG, wait_until
from transform.project import LOCATION

pytestmark = pytest.mark.tables_built

NEWER, OTHER = "2026-01-04", "2026-01-05"
# Each holds a run of its model up when its rows are ready and nothing is asked about newer ones.
READER = "select count(*) from analytics.fact_events"
NAME = """'"test"."analytics"."regional_daily_events"'"""
OTHER_WRITER = f"""select pg_advisory_xact_lock(hashtext({NAME})),
    pg_advisory_xact_lock(hashtextextended({NAME}, 0))"""


@pytest.fixture
def built(warehouse, tmp_path):
    """Two days of two facts each."""
    for day in (NEWER, OTHER):
        deliver(tmp_path, day, [event(name, f"{day}T12:00:00Z") for name in ("a", "b")])
    ingest_files(warehouse, tmp_path, NEWER, OTHER)
    build()
    return warehouse


@contextmanager
def held_up(warehouse: Warehouse, model: str, by: str) -> Iterator[None]:
    """A run of the model begins before the block, and is done after it."""
    waiting = "select from pg_locks where not granted"
    with closing(warehouse.connect()) as db, db.cursor() as cursor, ThreadPoolExecutor() as threads:
        cursor.execute(f"begin; {by}")
        try:
            # By file: `fact_events` alone may mean the project.
            arguments = ["run", *LOCATION, "--quiet", "--select", f"marts.{model}"]
            slow = threads.submit(dbtRunner().invoke, arguments)
            wait_until(lambda: slow.done() or query(warehouse, waiting))
            assert not slow.done(), "nothing held it up"
            yield
        finally:
            cursor.execute("rollback")
        assert slow.result(LONG).success


def note_newer(warehouse: Warehouse, model: str, lock: str = "") -> None:
    """Another run has built NEWER from rows that have come since."""
    query(
        warehouse,
        f"""{lock} with newest as (update raw.day_versions set version = version + 1
            where kind = 'event_date' and day = %s returning *)
        insert into intermediate.built_days (model, kind, day, version, invocation_id)
        select %s, 'event_date', day, version, 'other' from newest
        on conflict (model, kind, day) do update
        set version = excluded.version, invocation_id = excluded.invocation_id returning 1""",
        NEWER,
        model,
    )


def versions(warehouse: Warehouse, model: str) -> dict[str, tuple[int, bool]]:
    """By day: the version that a model was built from, and whether the other run has built it."""
    rows = query(
        warehouse,
        """select day::text, version, invocation_id = 'other' from intermediate.built_days
        where kind = 'event_date' and model = %s""",
        model,
    )
    return {day: (version, is_other) for day, version, is_other in rows}


def test_a_partition_that_is_newer_stays(built, tmp_path):
    """The newer run ends while this one waits for readers, the last thing it does before."""
    before = versions(built, "fact_events")
    for day in (NEWER, OTHER):
        deliver(tmp_path, day, [event("old", f"{day}T12:00:00Z")])
    ingest_files(built, tmp_path, NEWER, OTHER)
    with held_up(built, "fact_events", READER):
        writers = """select pg_advisory_xact_lock(
            hashtextextended('"test"."analytics"."fact_events"', 0));"""
        note_newer(built, "fact_events", writers)
    ids = "select event_id from analytics.fact_events where event_date = %s order by 1"
    assert query(built, ids, NEWER) == [("a",), ("b",)], "as the other run left it"
    assert query(built, ids, OTHER) == [("old",)]
    assert versions(built, "fact_events") == {
        NEWER: (before[NEWER][0] + 2, True),
        OTHER: (before[OTHER][0] + 1, False),
    }


def test_a_day_of_a_small_table_that_is_newer_stays(built):
    model = "regional_daily_events"
    before = versions(built, model)
    query(built, "update analytics.regional_daily_events set events = -1 returning 1")
    # The model reads fact_events' days; they are out of date for it when that was built anew.
    query(
        built,
        """update intermediate.built_days set version = version + 1
        where model = 'fact_events' returning 1""",
    )
    query(built, "update raw.day_versions set version = version + 1 returning 1")
    with held_up(built, model, OTHER_WRITER):
        note_newer(built, model)
    events = "select event_date::text, events from analytics.regional_daily_events order by 1"
    assert query(built, events) == [(NEWER, -1), (OTHER, 2)], "as the other run left it"
    assert versions(built, model) == {
        NEWER: (before[NEWER][0] + 2, True),
        OTHER: (before[OTHER][0] + 1, False),
    }
