"""A day that readers kept from being replaced is not materialized, and is tried again."""

from __future__ import annotations

from contextlib import closing

import dagster as dg

from tests.dagster.conftest import FACTS, House
from tests.helpers.pipeline import query
from transform.build import days_waiting

DAY = "2026-03-01"
SPOIL = "update analytics.fact_events set region = 'spoilt' where event_date = %s returning 1"
SPOILT = "select count(*) from analytics.fact_events where region = 'spoilt'"
AGAIN = dg.DagsterEventType.STEP_UP_FOR_RETRY


def test_it_is_tried_again_until_the_readers_are_gone(house: House, monkeypatch):
    monkeypatch.setenv("SWAP_WAIT", "1")
    assert house.run("days", DAY).success
    rows = len(query(house.warehouse, SPOIL, DAY))
    before = materializations(house)
    seen = []
    with closing(house.warehouse.connect()) as reader, reader.cursor() as cursor:
        cursor.execute("begin; select from analytics.fact_events")

        def looks_and_reads_no_more(*arguments):
            seen.append((days_waiting(*arguments), query(house.warehouse, SPOILT)))
            cursor.execute("rollback")
            return seen[-1][0]

        monkeypatch.setattr("transform.build.days_waiting", looks_and_reads_no_more)
        run = house.run("days", DAY)
    assert run.success
    assert seen == [([DAY], [(rows,)]), ([], [(0,)])]
    [again] = house.instance.all_logs(run.run_id, of_type=AGAIN)
    why = again.get_dagster_event().event_specific_data.error.cause.message
    assert f"1 days of fact_events wait ({DAY}): readers held them" in why
    assert materializations(house) == before + 1, "of two tries"


def materializations(house: House) -> int:
    """How often the day's facts were noted."""
    asked = dg.AssetRecordsFilter(FACTS, asset_partitions=[DAY])
    return len(house.instance.fetch_materializations(asked, limit=100).records)
