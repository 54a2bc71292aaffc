"""What commands have landed and built is in Dagster by itself, and causes no run."""

from __future__ import annotations

from collections import Counter

import dagster as dg

from core.progress import Progress
from orchestration import mirror as mirrored
from orchestration.deliveries import RAW_EVENTS
from orchestration.mirror import mirror
from tests.dagster.conftest import FACTS, REGIONAL, House, check
from tests.helpers.pipeline import deliver, event, in_thread, ingest_files
from transform.build import transform

DAYS = [f"2026-03-{day:02}" for day in range(1, 6)]
ROWS = "dagster/row_count"


class Mirror:
    """The sensor, tick by tick."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cursor: str | None = None

    def tick(self) -> list[tuple[dg.AssetKey, str, int | None]]:
        """What one tick notes: asset, partition, rows."""
        context = dg.build_sensor_context(
            instance=self.house.instance,
            cursor=self.cursor,
            resources={"warehouse": self.house.defs.resources["warehouse"]},
        )
        result = mirror(context)
        noted = result.asset_events if isinstance(result, dg.SensorResult) else []
        self.cursor = result.cursor if isinstance(result, dg.SensorResult) else context.cursor
        for each in noted:
            self.house.instance.report_runless_asset_event(each)
        rows = [each.metadata[ROWS].value if ROWS in each.metadata else None for each in noted]
        return [(e.asset_key, e.partition, n) for e, n in zip(noted, rows, strict=True)]


def deliver_and_build(house: House, folder, days: list[str], ids: str = "ab") -> None:
    for day in days:
        deliver(folder, day, [event(each, f"{day}T01:00:00Z") for each in ids])
        ingest_files(house.warehouse, folder, day)
    in_thread(transform, house.warehouse, None, Progress())


def test_what_commands_do_is_in_dagster(house, tmp_path, monkeypatch):
    ticks = Mirror(house)
    assert ticks.tick() == []  # an empty warehouse
    deliver_and_build(house, tmp_path, DAYS)
    state = dg.evaluate_automation_conditions(house.defs, house.instance).cursor

    monkeypatch.setattr(mirrored, "A_TICK", 20)
    noted = []
    while found := ticks.tick():
        assert len(found) <= 20
        noted += found
    assert max(Counter((key, partition) for key, partition, _ in noted).values()) == 1
    assert {(p, n) for key, p, n in noted if key == RAW_EVENTS} == {(day, 2) for day in DAYS}
    assert {(p, n) for key, p, n in noted if key == FACTS} == {(day, 2) for day in DAYS}
    cells = {(p, n) for key, p, n in noted if key == REGIONAL}
    assert cells == {
        (f"{day}|{region}", int(region == "us-east"))  # one row a region and type
        for day in DAYS
        for region in ("us-east", "eu-west", "ap-south", "other")
    }
    assert [p for key, p, _ in noted if key == FACTS] == DAYS[::-1]
    assert check(house, "partitions_agree").passed
    # Nobody takes what follows for out of date.
    asked = dg.evaluate_automation_conditions(house.defs, house.instance, cursor=state)
    assert asked.total_requested == 0

    # A day that is delivered and built anew is noted anew, once.
    deliver_and_build(house, tmp_path, DAYS[1:2], "abc")
    found = ticks.tick()
    assert {(p, n) for key, p, n in found if key in (FACTS, RAW_EVENTS)} == {(DAYS[1], 3)}
    assert ticks.tick() == []


def test_what_runs_do_is_noted_by_them(house):
    ticks = Mirror(house)
    ticks.tick()
    days = {"2026-03-10", "2026-03-11"}
    assert house.backfill(min(days), max(days))
    # Of an older day, which late rows belong to, the run did not note the cells.
    assert not days & {partition.partition("|")[0] for _, partition, _ in ticks.tick()}
    assert ticks.tick() == []
