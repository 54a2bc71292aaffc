"""What runs by itself, and what does not: scenarios on real Postgres and a real instance."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from core.settings import ROOT
from orchestration.automation import ledger_sensor, pull_today, pull_yesterday
from orchestration.dbt.checks import target
from orchestration.deliveries import RAW_EVENTS
from orchestration.partitions import DAYS
from tests.dagster.conftest import FACTS, REGIONAL, WEEKLY, House
from tests.helpers.pipeline import deliver, event, ingest_files, query

STAGED = dg.AssetKey(["staging", "stg_events"])
MODEL = dg.AssetKey(["purchase_propensity_model"])
DAY = "2026-03-01"


class Automation:
    """The two sensors of `make ui`, tick by tick."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cursor: str | None = None
        self.state = dg.evaluate_automation_conditions(house.defs, house.instance).cursor

    def tick(self) -> dict[dg.AssetKey, list[str]]:
        """What one tick of each requests: partitions by asset."""
        house = self.house
        context = dg.build_sensor_context(
            instance=house.instance,
            cursor=self.cursor,
            resources={"warehouse": house.defs.resources["warehouse"]},
        )
        told = ledger_sensor(context)
        if isinstance(told, dg.SensorResult):
            assert not told.run_requests
            self.cursor = told.cursor
            for materialization in told.asset_events:
                house.instance.report_runless_asset_event(materialization)
        result = dg.evaluate_automation_conditions(house.defs, house.instance, cursor=self.state)
        self.state = result.cursor
        keys = house.defs.resolve_asset_graph().get_all_asset_keys()
        asked = {key: sorted(map(str, result.get_requested_partitions(key))) for key in keys}
        return {key: partitions for key, partitions in asked.items() if partitions}


@pytest.fixture(scope="module")
def automation(house: House) -> Automation:
    automation = Automation(house)
    assert automation.tick() == {}  # an empty warehouse
    return automation


CELLS = [f"{DAY}|{region}" for region in ("ap-south", "eu-west", "other", "us-east")]


def test_a_new_day_is_one_run_its_cells_along(automation, house, tmp_path):
    """Before the first build there are no views to ask; the ledger is there."""
    deliver(tmp_path, DAY, [event("a", f"{DAY}T01:00:00Z"), event("b", f"{DAY}T02:00:00Z")])
    ingest_files(house.warehouse, tmp_path, DAY)
    asked = automation.tick()
    by_day = {
        key
        for key in house.defs.resolve_asset_graph().materializable_asset_keys
        if key not in (REGIONAL, WEEKLY) and key.path[0] != "raw"
    }
    assert asked == {key: [DAY] for key in by_day}
    assert automation.tick() == {}  # told once

    assert house.run("days", DAY, asset_selection=sorted(by_day)).success
    assert house.partitions(REGIONAL) == CELLS
    assert automation.tick() == {}
    assert house.run("cells", f"{DAY}|us-east").success
    assert automation.tick() == {}


def test_late_rows_request_exactly_their_days(automation, house, tmp_path):
    late = ["2019-05-05", DAY, "2026-03-02"]
    records = [event(f"late-{day}", f"{day}T03:00:00Z") for day in late]
    deliver(tmp_path, "2026-03-02", records)
    ingest_files(house.warehouse, tmp_path, "2026-03-02")
    asked = automation.tick()
    assert asked[FACTS] == asked[STAGED] == asked[MODEL] == late
    assert not {REGIONAL, WEEKLY} & asked.keys()

    # One run over a single day also builds the days that its delivery touched, and says so.
    keys = sorted(key for key in asked)
    assert house.run("days", "2026-03-02", asset_selection=keys).success
    assert {*late} <= {*house.partitions(FACTS)}
    assert {key.split("|")[0] for key in house.partitions(REGIONAL)} == {*late}
    assert automation.tick() == {}


def test_cells_wait_for_the_checks_of_a_day_that_was_built_without_them(automation, house):
    """As dbt alone can build it. The other days' checks have all passed, in the tests above."""
    rebuilt_alone(house, DAY, failed="assert_every_valid_event_is_a_fact")
    rebuilt_alone(house, "2026-03-02")
    assert automation.tick()[REGIONAL] == [cell.replace(DAY, "2026-03-02") for cell in CELLS]
    assert automation.tick() == {}


def rebuilt_alone(house: House, day: str, failed: str = "") -> None:
    """Another materialization of the day's facts, then its checks."""
    house.instance.report_runless_asset_event(dg.AssetMaterialization(FACTS, partition=day))
    target = newest(house, day)
    for check in house.defs.resolve_asset_graph().get_check_keys_for_assets({FACTS}):
        house.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=FACTS,
                check_name=check.name,
                passed=check.name != failed,
                partition=day,
                target_materialization_data=target,
            )
        )


def newest(house: House, day: str):
    [record] = house.instance.fetch_materializations(
        dg.AssetRecordsFilter(FACTS, asset_partitions=[day]), limit=1
    ).records
    return target(record.storage_id, record.run_id)


def test_a_backfill_of_dagster_itself_launches_nothing_more(automation, house):
    assert house.backfill("2026-03-04", "2026-03-04")
    [backfill] = house.instance.get_runs(limit=1)
    built = house.instance.all_logs(
        backfill.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    events = [entry.get_dagster_event() for entry in built]
    days = {event.partition for event in events if event.asset_key == FACTS}
    assert "2026-03-04" in days
    assert "2019-05-05" not in days, "built by an earlier run, and not by this one"
    automation.tick()  # the late days' features
    assert automation.tick() == {}


def test_schedules_pull_today_by_the_hour_and_yesterday_once(monkeypatch):
    at = datetime(2026, 3, 5, 3, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=at)
    assert isinstance(pull_today(context), dg.SkipReason)  # no EVENTS_URL, no run that must fail
    monkeypatch.setenv("EVENTS_URL", "http://127.0.0.1:1")
    today, yesterday = pull_today(context), pull_yesterday(context)
    assert (today.partition_key, today.run_key) == ("2026-03-05", "2026-03-05 03")
    assert (yesterday.partition_key, yesterday.run_key) == ("2026-03-04", "2026-03-04")
    assert DAYS.has_partition_key(f"{datetime.now(UTC).date()}")


def test_make_ui_starts_with_everything_on(house):
    repository = house.defs.get_repository_def()
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    on = dg.DefaultSensorStatus.RUNNING
    assert sensors == dict.fromkeys(
        (
            "default_automation_condition_sensor",
            "ledger_sensor",
            "alerts",
            "announce_facts",
            "failed_pulls",
            "lost_runs",
            "mirror",
            "old_runs",
        ),
        on,
    )
    schedules = {each.name: each.default_status for each in repository.schedule_defs}
    pulls_on = dg.DefaultScheduleStatus.RUNNING
    assert schedules == {"pull_today": pulls_on, "pull_yesterday": pulls_on}
    settings = (Path(ROOT) / "orchestration" / "home" / "dagster.yaml").read_text()
    assert "default_limit: 1" in settings
    assert "run_monitoring" in settings
    assert "retention" in settings


def test_a_pull_that_brings_nothing_new_launches_nothing(automation, house):
    """Of the demo API, hour after hour: the first pull is news, the second is not."""
    loads, day = "select count(*) from raw.loads", "2026-03-20"
    assert house.run("pull", day).success
    assert automation.tick() != {}
    before = query(house.warehouse, loads)
    assert house.run("pull", day).success
    latest = house.instance.get_latest_materialization_event(RAW_EVENTS)
    assert latest.asset_materialization.metadata["unchanged_units"].value == 1
    assert query(house.warehouse, loads) == before
    assert automation.tick() == {}
