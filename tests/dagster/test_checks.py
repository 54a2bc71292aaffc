"""Checks that look at the newest day or at all of them, whatever a run's days are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from core.days import due_day
from core.progress import Progress
from reporting.report import print_report
from tests.dagster.conftest import RAW, House, check
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


def test_a_day_that_is_older_than_what_has_landed_is_yellow(house, tmp_path):
    """Until it is built, in Dagster and in the report."""
    in_thread(transform, house.warehouse, None, Progress())
    assert check(house, "no_day_is_stale").passed
    deliver(tmp_path, "2026-02-28", [event("late", "2026-02-27T10:00:00Z")])
    ingest_files(house.warehouse, tmp_path, "2026-02-28")
    stale = check(house, "no_day_is_stale")
    assert (stale.passed, stale.severity.value) == (False, "WARN")
    assert "2026-02-27" in stale.metadata["stale"].value
    told = "2026-02-27 +. +(not built yet|older than what has landed) +. make transform"
    assert re.search(told, report(house))
    in_thread(transform, house.warehouse, None, Progress())
    assert check(house, "no_day_is_stale").passed
    assert "not right" not in report(house)


def report(house: House) -> str:
    printed = StringIO()
    print_report(house.warehouse, Console(file=printed, width=100))
    return printed.getvalue()
