"""Which failures Dagster tries again: those that may pass by themselves."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from orchestration.dbt.results import ROWS
from orchestration.deliveries import RAW_EVENTS, RAW_PROFILES
from orchestration.raw import raw
from orchestration.resources import EventsSource, Warehouse
from tests.dagster.conftest import House
from tests.helpers.pipeline import deliver, event, query

DAY = "2026-03-01"


@pytest.mark.parametrize(
    ("source", "place", "again"),
    [
        ({"events_api_token": "another"}, {}, False),
        ({"mapping": "none-of-this-name"}, {}, False),
        ({}, {"port": "1"}, True),
    ],
    ids=["token refused", "wrong setting", "Postgres is away"],
)
def test_only_what_may_pass_is_tried_again(house, monkeypatch, source, place, again):
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # the resource writes them
    api = {"events_url": house.api.url, "events_api_token": house.api.token}
    with pytest.raises(dg.Failure) as failed:
        landed(house, EventsSource(**api | source), **place)
    assert failed.value.allow_retries is again


def test_a_source_without_profiles_is_built(house, tmp_path):
    """Its profiles are materialized with no rows: what is downstream of a skipped asset is skipped,
    and the backfill succeeded."""
    deliver(tmp_path, DAY, [event("a", f"{DAY}T01:00:00Z"), event("b", f"{DAY}T01:00:00Z")])
    files = EventsSource(source="files", events_url=str(tmp_path / "%Y-%m-%d.jsonl"))
    alone = house.reading(files)
    assert alone.backfill(DAY, DAY)
    assert query(house.warehouse, "select count(*) from analytics.fact_events") == [(2,)]
    assert alone.metadata(RAW_EVENTS, DAY)[ROWS] == 2
    assert alone.metadata(RAW_PROFILES, DAY)[ROWS] == 0


def landed(house: House, source: EventsSource, **place: str) -> list[dg.MaterializeResult]:
    """What the asset of the raw tables says of a day."""
    found = house.warehouse
    where = {"host": found.host, "port": found.port, "user": found.user, "database": found.database}
    with dg.build_asset_context(partition_key=DAY) as context:
        return list(raw(context=context, events=source, warehouse=Warehouse(**where | place)))
