"""Which failures Dagster tries again: those that may pass by themselves."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from orchestration.assets import raw
from orchestration.deliveries import RAW_EVENTS
from orchestration.resources import EventsSource, Warehouse
from tests.dagster.conftest import House
from tests.helpers.pipeline import deliver, event

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


def test_of_files_without_profiles_no_profiles_are_said_to_have_landed(house, tmp_path):
    deliver(tmp_path, DAY, [event("a", f"{DAY}T01:00:00Z"), event("b", f"{DAY}T01:00:00Z")])
    source = EventsSource(source="files", events_url=str(tmp_path / "%Y-%m-%d.jsonl"))
    [result] = landed(house, source)
    assert (result.asset_key, result.metadata["dagster/row_count"]) == (RAW_EVENTS, 2)


def landed(house: House, source: EventsSource, **place: str) -> list[dg.MaterializeResult]:
    """What the asset of the raw tables says of a day."""
    found = house.warehouse
    where = {"host": found.host, "port": found.port, "user": found.user, "database": found.database}
    with dg.build_asset_context(partition_key=DAY) as context:
        return list(raw(context=context, events=source, warehouse=Warehouse(**where | place)))
