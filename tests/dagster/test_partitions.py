"""Where the partitions begin: PARTITIONS_START, else as the warehouse says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from orchestration.partitions import BEFORE_ANY_EVENT, first_day
from orchestration.resources import Warehouse
from orchestration.settings import orchestration_settings
from tests.helpers.pipeline import deliver, event, ingest_files


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PARTITIONS_START")
    orchestration_settings.cache_clear()
    yield
    orchestration_settings.cache_clear()


def of(warehouse) -> Warehouse:
    return Warehouse(
        host=warehouse.host, port=warehouse.port, user=warehouse.user, database=warehouse.database
    )


def test_the_month_of_the_oldest_event(warehouse, tmp_path):
    """Of the event, not of its delivery; it need not be built."""
    assert first_day(of(warehouse)) == BEFORE_ANY_EVENT
    late = [event("a", "2026-03-02T01:00:00Z"), event("b", "2025-12-30T23:59:59Z")]
    deliver(tmp_path, "2026-03-02", late)
    ingest_files(warehouse, tmp_path, "2026-03-02")
    assert first_day(of(warehouse)) == date(2025, 12, 1)


def test_the_setting_wins(warehouse, tmp_path, monkeypatch):
    deliver(tmp_path, "2026-03-02", [event("a", "2026-03-02T01:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-03-02")
    monkeypatch.setenv("PARTITIONS_START", "2026-01-15")
    assert first_day(of(warehouse)) == date(2026, 1, 15)


def test_no_partition_vanishes_where_the_warehouse_is_away(caplog):
    away = Warehouse(host="127.0.0.1", port="1", user="nobody", database="none")
    assert first_day(away) == BEFORE_ANY_EVENT
    assert "127.0.0.1" in caplog.text
