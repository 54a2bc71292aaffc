"""Which failures Dagster tries again: those that may pass by themselves."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from orchestration.assets import raw
from orchestration.resources import EventsSource, Warehouse

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
    found, api = house.warehouse, {"events_url": house.api.url, "events_api_token": house.api.token}
    where = {"host": found.host, "port": found.port, "user": found.user, "database": found.database}
    resources = {"events": EventsSource(**api | source), "warehouse": Warehouse(**where | place)}
    with dg.build_asset_context(partition_key=DAY) as context, pytest.raises(dg.Failure) as failed:
        list(raw(context=context, **resources))
    assert failed.value.allow_retries is again
