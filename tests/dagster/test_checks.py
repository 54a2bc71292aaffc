"""Checks that look at the newest day, whatever a run's days are."""

from __future__ import annotations

from datetime import UTC, datetime

from core.days import due_day
from core.progress import Progress
from tests.dagster.conftest import RAW, check
from tests.helpers.pipeline import deliver, event, in_thread, ingest_files, query
from transform.build import transform


def test_the_newest_day_is_present_when_it_is_built(house, tmp_path):
    day = f"{due_day(datetime.now(UTC)).start}"
    assert house.backfill("2026-03-01", "2026-03-01")  # there are tables
    done = check(house, "newest_day_present")
    assert (done.passed, done.metadata[day].value) == (False, "missing")
    deliver(tmp_path, day, [event("a", f"{day}T01:00:00Z")])
    ingest_files(house.warehouse, tmp_path, day)
    done = check(house, "newest_day_present")
    assert (done.passed, done.metadata[day].value) == (False, "not built")
    assert house.backfill(day, day)
    done = check(house, "newest_day_present")
    assert (done.passed, done.metadata[day].value) == (True, "complete")


def test_the_source_is_fresh_for_two_hours(house):
    for hours, said in ((1, "pass"), (3, "warn")):
        last = f"update raw.loads set completed_at = now() - interval '{hours} hours' returning 1"
        query(house.warehouse, last)
        fresh = check(house, "source_freshness", RAW)
        assert (fresh.passed, fresh.metadata["events"].value) == (said == "pass", said)


def test_an_event_from_before_the_first_partition_is_built_and_told(house, tmp_path):
    assert check(house, "all_days_have_partitions").passed
    day = f"{due_day(datetime.now(UTC)).start}"
    deliver(tmp_path, day, [event("old", "2009-12-31T23:00:00Z")])
    ingest_files(house.warehouse, tmp_path, day)
    in_thread(transform, house.warehouse, None, Progress())
    facts = "select event_id from analytics.fact_events where event_date < '2010-01-01'"
    assert query(house.warehouse, facts) == [("old",)]
    done = check(house, "all_days_have_partitions")
    assert (done.passed, done.severity.value) == (False, "ERROR")
    assert done.metadata["before the first partition"].value == ["2009-12-31"]
