"""Of each version of a day, Dagster is told once."""

from __future__ import annotations

import json
import time

import dagster as dg
import pytest

from orchestration.automation import LEDGER, ledger_sensor
from tests.dagster.conftest import House
from tests.helpers.pipeline import deliver, event, ingest_files

D1, D2 = "2026-03-01", "2026-03-02"


def told(house: House, cursor: str | None) -> tuple[list[str], str | None]:
    """The days of a tick, and the cursor after it."""
    context = dg.build_sensor_context(
        instance=house.instance,
        cursor=cursor,
        resources={"warehouse": house.defs.resources["warehouse"]},
    )
    result = ledger_sensor(context)
    if not isinstance(result, dg.SensorResult):
        return [], cursor
    assert {asset.asset_key for asset in result.asset_events} == {LEDGER}
    return [asset.partition for asset in result.asset_events], result.cursor


def test_a_day_is_not_told_again_after_others_were(house, tmp_path):
    """None of them is built meanwhile: all stay out of date."""
    days, cursor = told(house, None)
    assert days == []
    for day in (D1, D2):
        deliver(tmp_path, day, [event("a", f"{day}T01:00:00Z")])
        ingest_files(house.warehouse, tmp_path, day)
        days, cursor = told(house, cursor)
        assert days == [day]
        assert told(house, cursor) == ([], cursor)

    deliver(tmp_path, D1, [event("b", f"{D1}T01:00:00Z")])  # once more, and otherwise
    ingest_files(house.warehouse, tmp_path, D1)
    days, cursor = told(house, cursor)
    assert days == [D1]
    assert told(house, cursor) == ([], cursor)


@pytest.mark.parametrize("status", ["STARTING", "STARTED"])  # QUEUED: test_history.py
def test_a_run_that_may_build_them_is_waited_for(house, status):
    run = house.instance.create_run_for_job(
        house.defs.resolve_job_def("days"), status=dg.DagsterRunStatus(status)
    )
    assert told(house, None) == ([], None)
    house.instance.delete_run(run.run_id)
    days, _ = told(house, None)
    assert days == [D1, D2]


def test_a_day_that_stays_owed_is_told_again_less_and_less_often(house, monkeypatch):
    """Its run may have failed for a reason that is gone."""
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    days, cursor = told(house, None)
    assert days == [D1, D2]
    pauses = []
    for _ in range(10):
        told_at = now
        while not days or now == told_at:
            now += 300
            days, cursor = told(house, cursor)
        assert days == [D1, D2]
        pauses.append((now - told_at) / 60)
    assert pauses == [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]


def test_the_cursor_of_the_version_before(house):
    """It held versions alone. Those are told once more."""
    days, cursor = told(house, f'{{"{D1}": 2, "{D2}": 1, "2026-01-01": 7}}')
    assert days == [D1, D2]
    assert set(json.loads(cursor)) == {D1, D2}
