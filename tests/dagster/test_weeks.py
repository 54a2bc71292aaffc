"""Weekly partitions: built along with days, alone, and after days that were built without them."""

from __future__ import annotations

import dagster as dg
import pytest

from orchestration.dbt.results import ROWS
from orchestration.partitions import WEEKS
from tests.dagster.conftest import FACTS, WEEKLY, House
from tests.dagster.test_automation import Automation, rebuilt_alone
from tests.dagster.test_mirror import Mirror
from tests.helpers.pipeline import deliver, ingest_files, query
from tests.integration.test_weeks import DAYS, LATE, counted, records
from tests.integration.test_weeks import ROWS as WEEK_ROWS

# As Postgres' date_trunc('week', …) has them.
MONDAYS = ["2025-12-22", "2025-12-29", "2026-01-05"]
FACTS_THERE = [each for day in DAYS for each in records(day)]
LATE_FACTS = [each | {"event_id": f"late {each['event_id']}"} for each in records(LATE)]


@pytest.fixture(scope="module")
def automation(house: House) -> Automation:
    automation = Automation(house)
    assert automation.tick() == {}
    return automation


def newest(house: House, week: str) -> dg.EventLogRecord:
    [record] = house.instance.fetch_materializations(
        dg.AssetRecordsFilter(WEEKLY, asset_partitions=[week]), limit=1
    ).records
    return record


def storage_ids(house: House) -> dict[str, int]:
    return {week: newest(house, week).storage_id for week in MONDAYS}


def test_weeks_begin_on_monday(house):
    keys = WEEKS.get_partition_keys()
    assert set(MONDAYS) < set(keys)
    [(first,)] = query(house.warehouse, "select date_trunc('week', now())::date::text")
    assert keys[-1] == first, "the week that is going on"


def test_a_run_of_days_builds_their_weeks_along(automation, house, tmp_path):
    for day in DAYS:
        deliver(tmp_path, day, records(day))
    ingest_files(house.warehouse, tmp_path, DAYS[0], DAYS[-1])
    asked = automation.tick()
    assert asked[FACTS] == [*DAYS]
    assert WEEKLY not in asked
    for day in DAYS:
        assert house.run("days", day, asset_selection=sorted(asked)).success
    assert house.partitions(WEEKLY) == MONDAYS
    assert query(house.warehouse, WEEK_ROWS) == counted(FACTS_THERE)
    for week in MONDAYS:
        metadata = newest(house, week).asset_materialization.metadata
        assert metadata[ROWS].value == 1, "a week is one row"
    assert automation.tick() == {}


def test_a_late_event_rebuilds_exactly_its_week(automation, house, tmp_path):
    before = storage_ids(house)
    deliver(tmp_path, "2026-01-20", LATE_FACTS)
    ingest_files(house.warehouse, tmp_path, "2026-01-20")
    asked = automation.tick()
    assert asked[FACTS] == [LATE, "2026-01-20"] or asked[FACTS] == [LATE]
    assert WEEKLY not in asked
    assert house.run("days", LATE, asset_selection=sorted(asked)).success
    after = storage_ids(house)
    assert [week for week in MONDAYS if after[week] != before[week]] == ["2025-12-29"]
    assert query(house.warehouse, WEEK_ROWS) == counted([*FACTS_THERE, *LATE_FACTS])


def test_a_day_that_was_built_without_its_week_requests_that_week(automation, house):
    """Where all its days that are there have passed their checks."""
    automation.tick()
    rebuilt_alone(house, DAYS[1], failed="assert_every_valid_event_is_a_fact")
    rebuilt_alone(house, DAYS[4])
    assert automation.tick()[WEEKLY] == ["2026-01-05"]
    assert automation.tick() == {}


def test_a_week_is_overwritten_alone(house):
    right = query(house.warehouse, WEEK_ROWS)
    query(house.warehouse, "update analytics.weekly_active_users set events = -1 returning 1")
    assert house.run("weeks", "2025-12-29").success
    wrong = "select week_start::text from analytics.weekly_active_users where events < 0 order by 1"
    assert query(house.warehouse, wrong) == [("2025-12-22",), ("2026-01-05",)]
    tags = {
        "dagster/asset_partition_range_start": MONDAYS[0],
        "dagster/asset_partition_range_end": MONDAYS[-1],
    }
    assert house.run("weeks", tags=tags).success
    assert query(house.warehouse, WEEK_ROWS) == right


def test_the_mirror_shows_each_week_once(house):
    with dg.DagsterInstance.ephemeral() as instance:
        fresh = House(house.warehouse, instance, house.defs, house.storage, house.api)
        ticks = Mirror(fresh)
        noted = []
        while found := ticks.tick():
            noted += found
        weeks = sorted((week, rows) for key, week, rows in noted if key == WEEKLY)
        assert weeks == [(week, 1) for week in MONDAYS]
