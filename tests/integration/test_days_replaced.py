"""Re-ingesting and rebuilding days: what readers see is what was delivered last, to the row."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from core.errors import UserError
from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import (
    FACTS,
    build,
    deliver,
    event,
    full_refresh,
    ingest_files,
    query,
    winners,
)
from transform.project import LOCATION

pytestmark = pytest.mark.tables_built

D1, D2, D3 = "2026-01-01", "2026-01-02", "2026-01-03"


def facts(warehouse: Warehouse) -> set[tuple[str, str, str, str]]:
    """(event day, user, event, ingest day) of every fact."""
    return set(
        query(
            warehouse,
            """select event_date::text, user_id, event_id, ingest_date::text
            from analytics.fact_events""",
        )
    )


def accounting(warehouse: Warehouse) -> dict[str, tuple[int, int, int, int, bool]]:
    rows = query(
        warehouse,
        """select ingest_date::text, received, fact, duplicate, quarantined, is_complete
        from analytics.row_accounting""",
    )
    return {row[0]: row[1:] for row in rows}


@pytest.fixture
def deliveries() -> dict[str, list[dict]]:
    return three_days()


def three_days() -> dict[str, list[dict]]:
    """Three days with repeats within a day and across days, late rows, and bad records."""
    return {
        D1: [
            event("a", f"{D1}T10:00:00Z"),
            event("a", f"{D1}T10:00:00Z"),
            event("b", f"{D1}T23:59:59.999999Z"),
            event("old", "2019-05-05T12:00:00Z"),
        ],
        D2: [
            event("a", f"{D1}T11:00:00Z", properties={"copy": "later"}),
            event("c", f"{D2}T00:00:00Z"),
            event("d", f"{D1}T09:00:00+02:00"),
            event("e", f"{D2}T01:00:00+02:00"),
        ],
        D3: [event("c", f"{D2}T00:00:00Z", user_id="u2"), event("f", f"{D3}T12:00:00Z")],
    }


def fill(warehouse: Warehouse, folder: Path) -> None:
    for day, records in three_days().items():
        deliver(folder, day, records)
    ingest_files(warehouse, folder, D1, D3)
    build()


def test_a_range_reaches_the_late_days_that_a_delivery_no_longer_has(warehouse, tmp_path):
    """Twice: the second delivery of a day has an event less, the third has only a bad record."""
    late = event("late", "2019-05-05T12:00:00Z")
    for records in ([late, event("a", f"{D1}T10:00:00Z")], [event("a", f"{D1}T10:00:00Z")], ["{"]):
        deliver(tmp_path, D1, records)
        ingest_files(warehouse, tmp_path, D1, max_quarantined=1.0)
        if records == ["{"]:
            # What others see of a build that is half done: the bad record, and the old facts.
            dbtRunner().invoke(["run", *LOCATION, "--quiet", "--select", "quarantined_events+1"])
            assert accounting(warehouse) == {D1: (1, 1, 0, 1, False)}
        build(D1, D1)
        days = {record["event_ts"][:10] for record in records if record != "{"}
        assert {row[0] for row in facts(warehouse)} == days
        assert accounting(warehouse)[D1] == (len(records), len(days), 0, records == ["{"], True)
    assert query(warehouse, "select * from analytics.event_lag") == []


def test_facts_equal_the_oracle(warehouse, tmp_path, deliveries):
    bad = [event("x", f"{D1}T10:00:00Z", user_id=None), "{truncated"]
    for day, records in deliveries.items():
        deliver(tmp_path, day, [*records, *(bad if day == D1 else [])])
    ingest_files(warehouse, tmp_path, D1, D3)
    build()

    expected = winners(deliveries)
    rows = query(warehouse, FACTS)
    assert {(row[4], row[1], row[0]): (row[9], row[8]) for row in rows} == {
        key: (ingest_day, record["properties"]) for key, (ingest_day, record) in expected.items()
    }
    assert query(
        warehouse,
        "select ingest_date::text, reason, record from analytics.quarantined_events order by 2",
    ) == [(D1, "malformed_json", "{truncated"), (D1, "missing_user_id", bad[0])]
    assert accounting(warehouse) == {
        D1: (6, 2, 2, 2, True),
        D2: (4, 4, 0, 0, True),
        D3: (2, 2, 0, 0, True),
    }


def test_the_events_of_a_day_are_counted(built):
    days = "select event_date::text, events from analytics.event_days where events > 0"
    counted = "select event_date::text, count(*) from analytics.fact_events group by 1"
    found = dict(query(built, days))
    assert found == dict(query(built, counted))
    assert len(set(found.values())) > 1


def test_the_lag_of_events_is_shown(built):
    lags = query(built, "select lag_days, records from analytics.event_lag order by 1")
    assert lags == [(0, 5), (1, 4), (2433, 1)]


def test_a_day_delivered_again_is_replaced(built, tmp_path, deliveries):
    deliveries[D2] = [event("c", f"{D2}T05:00:00Z"), event("g", f"{D1}T05:00:00Z")]
    deliver(tmp_path, D2, deliveries[D2])
    ingest_files(built, tmp_path, D2)
    build()

    assert facts(built) == {(*key, day) for key, (day, _) in winners(deliveries).items()}
    assert query(built, "select count(*) from raw.events") == [(8,)]
    assert all(
        received == fact + duplicate for received, fact, duplicate, *_ in accounting(built).values()
    )


def test_a_day_that_became_empty_is_empty(built, tmp_path, deliveries):
    deliveries[D3] = []
    deliver(tmp_path, D3, [])
    result = ingest_files(built, tmp_path, D3)
    build()

    assert result.events.total == 0
    assert facts(built) == {(*key, day) for key, (day, _) in winners(deliveries).items()}
    assert D3 not in {day for day, *_ in facts(built)}
    assert accounting(built)[D3] == (0, 0, 0, 0, True)


def test_a_missing_file_leaves_its_day_as_it_was(warehouse, tmp_path, deliveries):
    for day, records in deliveries.items():
        deliver(tmp_path, day, records)
    ingest_files(warehouse, tmp_path, D1, D3)
    (tmp_path / f"{D2}.jsonl").unlink()

    result = ingest_files(warehouse, tmp_path, D1, D3)
    build()

    assert result.missing_windows == 1
    assert f"no file for {D2}: stay as they were" in result.summary()
    assert facts(warehouse) == {(*key, day) for key, (day, _) in winners(deliveries).items()}


def test_a_late_file_rebuilds_exactly_its_own_day(built, tmp_path):
    physical = """select event_date::text, min(xmin::text), max(xmin::text)
        from analytics.fact_events group by 1"""
    before = {day: rows for day, *rows in query(built, physical)}

    deliver(tmp_path, "2026-01-09", [event("late", "2019-05-05T13:00:00Z")])
    ingest_files(built, tmp_path, "2026-01-09")
    build()

    after = {day: rows for day, *rows in query(built, physical)}
    assert {day for day in after if after[day] != before.get(day)} == {"2019-05-05"}
    assert ("2019-05-05", "u1", "late", "2026-01-09") in facts(built)


def test_nothing_new_rebuilds_nothing(warehouse, tmp_path, deliveries):
    deliver(tmp_path, D1, deliveries[D1])
    ingest_files(warehouse, tmp_path, D1)
    build()
    before = query(warehouse, "select xmin::text, * from analytics.fact_events order by 2, 3, 4")
    build()
    assert (
        query(warehouse, "select xmin::text, * from analytics.fact_events order by 2, 3, 4")
        == before
    )


def test_a_range_builds_its_days_and_where_its_late_rows_belong(warehouse, tmp_path, deliveries):
    for day, records in deliveries.items():
        deliver(tmp_path, day, records)
    deliver(tmp_path, D1, [])
    ingest_files(warehouse, tmp_path, D1, D3)
    build()  # the first build is a full one
    deliver(tmp_path, D1, deliveries[D1])
    deliver(tmp_path, D3, [])
    ingest_files(warehouse, tmp_path, D1, D3)
    build(D1, D1)

    days = {day for day, *_ in facts(warehouse)}
    assert {D1, "2019-05-05"} <= days, "the range, and the day its late row touched"
    assert D3 in days, "outside the range: still as it was"
    assert accounting(warehouse)[D1] == (4, 2, 2, 0, True)
    assert accounting(warehouse)[D3][-1] is False
    build()
    assert facts(warehouse) == {
        (*key, day) for key, (day, _) in winners(deliveries | {D3: []}).items()
    }


def test_increments_equal_a_full_refresh(warehouse, tmp_path, deliveries):
    everything = "select * from analytics.fact_events order by event_date, user_id, event_id"
    for day, records in deliveries.items():
        deliver(tmp_path, day, records)
        ingest_files(warehouse, tmp_path, day)
        build()
    incremental = [query(warehouse, everything), accounting(warehouse)]

    full_refresh()
    assert [query(warehouse, everything), accounting(warehouse)] == incremental


def test_two_sources_of_one_day_do_not_replace_each_other(warehouse, tmp_path, deliveries):
    mapping = Path(__file__).parents[2] / "ingestion" / "mapping" / "canonical.toml"
    other = tmp_path / "mobile.toml"
    other.write_text(mapping.read_text())
    deliver(tmp_path / "web", D1, [event("a", f"{D1}T10:00:00Z")])
    deliver(tmp_path / "mobile", D1, [event("b", f"{D1}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "web", D1)
    ingest_files(warehouse, tmp_path / "mobile", D1, mapping=str(other))
    ingest_files(warehouse, tmp_path / "web", D1)
    build()
    assert {event_id for _, _, event_id, _ in facts(warehouse)} == {"a", "b"}
    assert accounting(warehouse) == {D1: (2, 2, 0, 0, True)}


def test_a_lost_row_fails_the_build(warehouse, tmp_path, deliveries):
    """Accounting and reconciliation are blocking: a hole in raw is found, not reported as fine."""
    deliver(tmp_path, D1, deliveries[D1])
    ingest_files(warehouse, tmp_path, D1)
    build()
    query(warehouse, "delete from raw.events where event_id = 'b'; select 1")
    query(warehouse, "update raw.day_versions set version = version + 1; select 1")
    with pytest.raises(UserError, match="dbt build failed: 1 of"):
        build()
