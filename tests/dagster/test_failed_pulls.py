"""A pull that failed is asked for again, until one of the same day has succeeded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.pulls import due
from orchestration.resources import EventsSource
from tests.dagster.conftest import RAW, House
from tests.helpers.pipeline import query

DAY = "2026-03-01"
BY_SCHEDULE = {"dagster/schedule_name": "pull_yesterday"}


def asked(house: House, minutes: int) -> list[tuple[str | None, str | None]]:
    """The jobs and days that are asked for so many minutes from now."""
    found = due(house.instance, datetime.now(UTC) + timedelta(minutes=minutes))
    return [(each.job_name, each.partition_key) for each in found]


def test_a_failed_pull_is_tried_less_and_less_often_until_it_succeeds(house):
    refused = EventsSource(events_url=house.api.url, events_api_token="another")
    away = house.reading(refused)

    assert not away.run("pull", DAY).success
    assert asked(house, 60) == [], "a person has launched it"
    assert not away.run("pull", DAY, tags=BY_SCHEDULE).success
    assert (asked(house, 9), asked(house, 11)) == ([], [("pull", DAY)])
    [request] = due(house.instance, datetime.now(UTC) + timedelta(minutes=11))
    [newest] = house.instance.get_runs(limit=1)
    assert request.run_key == newest.run_id, "once for each failure"

    by_sensor = {"dagster/sensor_name": "failed_pulls"}
    assert not away.run("pull", DAY, tags=by_sensor).success
    assert (asked(house, 19), asked(house, 21)) == ([], [("pull", DAY)])
    assert asked(house, 60 * 24 * 8) == [], "eight days later somebody knows"

    assert house.run("pull", DAY, tags=by_sensor).success
    assert asked(house, 60 * 24) == []
    assert query(house.warehouse, "select count(*) > 0 from raw.events") == [(True,)]
    assert house.metadata(RAW, DAY)["dagster/row_count"] > 0
    assert dg.DagsterRunStatus.SUCCESS in {run.status for run in house.instance.get_runs()}
