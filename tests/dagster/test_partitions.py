"""Where the partitions begin: PARTITIONS_START, else as the warehouse says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from orchestration.partitions import BEFORE_ANY_EVENT, first_day
from orchestration.resources import Warehouse
from orchestration.settings import orchestration_settings
from tests.helpers.pipeline import deliver, event, ingest_files, query
from tests.helpers.processes import run


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


def test_yesterday_has_a_partition_on_the_first_of_a_month(warehouse, tmp_path):
    """Where the oldest event is of the new month: as if today were the month's last."""
    today = datetime.now(UTC).date()
    deliver(tmp_path, f"{today}", [event("a", f"{today}T00:00:00Z")])
    ingest_files(warehouse, tmp_path, f"{today}")
    query(warehouse, "update raw.day_versions set day = day + 31 returning 1")
    assert first_day(of(warehouse)) == (today - timedelta(days=1)).replace(day=1)


def test_a_day_that_is_asked_for_has_a_partition(warehouse, tmp_path, monkeypatch):
    deliver(tmp_path, "2026-03-02", [event("a", "2026-03-02T01:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-03-02")
    monkeypatch.setenv("FROM", "2026-01-31")
    assert first_day(of(warehouse)) == date(2026, 1, 1)


def test_a_role_without_rights_is_a_warning(warehouse, tmp_path, caplog):
    """The code location loads: what it may not read is said where it is asked for."""
    deliver(tmp_path, "2026-03-02", [event("a", "2026-03-02T01:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-03-02")
    query(warehouse, "create role nobody_here login; select 1")
    try:
        found = first_day(replace(of(warehouse), user="nobody_here"))
    finally:
        query(warehouse, "drop role nobody_here; select 1")
    assert found == BEFORE_ANY_EVENT
    assert "permission denied" in caplog.text


def test_the_setting_wins(warehouse, tmp_path, monkeypatch):
    deliver(tmp_path, "2026-03-02", [event("a", "2026-03-02T01:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-03-02")
    monkeypatch.setenv("PARTITIONS_START", "2026-01-15")
    assert first_day(of(warehouse)) == date(2026, 1, 15)


def test_no_partition_vanishes_where_the_warehouse_is_away(caplog):
    away = Warehouse(host="127.0.0.1", port="1", user="nobody", database="none")
    assert first_day(away) == BEFORE_ANY_EVENT
    assert "127.0.0.1" in caplog.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"PARTITIONS_START": "2026-01-02"}, "is before PARTITIONS_START=2026-01-02"),
        ({"TO": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"}, "has not begun"),
    ],
)
def test_days_without_a_partition_are_refused(house, history_dir, asked, said):
    settings = house.warehouse.libpq_env() | {"LOCAL_DIR": f"{history_dir}", "FROM": "2026-01-01"}
    done = run("orchestration.backfill", **settings, EVENTS_URL=house.api.url, **asked)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert said in done.stderr.splitlines()[-1]
