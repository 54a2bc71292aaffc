"""Runs, in this process, on real Postgres and the demo API: ranges, cells, failures, resuming."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import dagster as dg
import pandas as pd
import pytest

from core.days import due_day
from orchestration.io_manager import PartitionedFiles
from tests.dagster.conftest import FACTS, RAW, REGIONAL, House, check
from tests.helpers.pipeline import query
from tests.helpers.processes import run, run_fresh, start
from tests.helpers.waiting import wait_until

DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
LATE = ["2026-02-26", "2026-02-27", "2026-02-28"]
REGIONS = ["ap-south", "eu-west", "other", "us-east"]
REGIONAL_ROWS = "select * from analytics.regional_daily_events order by 1, 2, 3"
SPOIL = f"""update analytics.regional_daily_events set events = -1
    where event_date >= '{DAYS[0]}' returning 1"""


@pytest.fixture(scope="module")
def ran(house: House) -> House:
    """Three days, backfilled into an empty warehouse."""
    assert house.backfill(DAYS[0], DAYS[-1])
    return house


def test_a_range_is_one_run_of_one_load_and_one_dbt_invocation(ran):
    assert [run.job_name for run in ran.instance.get_runs()] == ["days"]
    assert query(ran.warehouse, "select count(*) from raw.loads") == [(1,)]
    built = "select count(distinct invocation_id) from intermediate.built_days"
    assert query(ran.warehouse, built) == [(1,)]
    assert query(
        ran.warehouse,
        "select ingest_date::text, received = fact + duplicate + quarantined, is_complete"
        " from analytics.row_accounting order by 1",
    ) == [(day, True, True) for day in DAYS]


def test_partitions_are_what_postgres_has(ran):
    assert ran.partitions(RAW) == DAYS
    assert ran.partitions(FACTS) == LATE + DAYS  # late rows reached their days, and Dagster knows
    days = query(
        ran.warehouse, "select distinct event_date::text from analytics.fact_events order by 1"
    )
    assert [day for (day,) in days] == LATE + DAYS
    assert ran.partitions(REGIONAL) == [
        f"{day}|{region}" for day in LATE + DAYS for region in REGIONS
    ]


def test_checks_have_a_result_for_each_day_also_for_late_ones(ran):
    for name in ("no_null_user_ids", "assert_every_valid_event_is_a_fact"):
        found = ran.evaluations(name)
        assert {day: passed for day, (passed, _) in found.items() if day} == dict.fromkeys(
            LATE + DAYS, True
        )
    # Three days of history say nothing about what is usual.
    found = ran.evaluations("daily_row_count")
    assert {found[day] for day in DAYS} == {(False, "WARN")}


def test_materializations_carry_rows_preview_and_links(ran):
    """Rows of their own partition, also in a run of a range."""
    shown = ran.metadata(FACTS, DAYS[-1])
    assert shown["preview"].startswith("| event_id | user_id |")
    assert "dagster/column_lineage" in shown
    rows = {day: ran.metadata(FACTS, day)["dagster/row_count"] for day in DAYS}
    facts = "select event_date::text, count(*) from analytics.fact_events"
    assert rows == dict(query(ran.warehouse, f"{facts} where event_date >= '{DAYS[0]}' group by 1"))
    cells = {
        (day, region): ran.metadata(REGIONAL, f"{day}|{region}")["dagster/row_count"]
        for day in DAYS
        for region in REGIONS
    }
    counted = query(
        ran.warehouse,
        "select event_date::text, region, count(*) from analytics.regional_daily_events"
        f" where event_date >= '{DAYS[0]}' group by 1, 2",
    )
    others = {(day, "other"): 0 for day in DAYS}
    for day, region, number in counted:
        others[day, region if region in REGIONS else "other"] = number
    assert cells == others


def test_late_days_and_days_of_delivery_have_their_own_numbers(ran):
    """In a run of a range: those of their day, not those of the run."""
    facts = "select event_date::text, count(*) from analytics.fact_events group by 1"
    rows = {day: ran.metadata(FACTS, day)["dagster/row_count"] for day in LATE + DAYS}
    assert rows == dict(query(ran.warehouse, facts))
    cells: Counter[str] = Counter()
    for day, region in product(LATE, REGIONS):
        cells[day] += ran.metadata(REGIONAL, f"{day}|{region}")["dagster/row_count"]
    regional = "select event_date::text, count(*) from analytics.regional_daily_events group by 1"
    assert cells.items() < dict(query(ran.warehouse, regional)).items()
    for table in ("events", "user_profiles"):
        landed = f"select ingest_date::text, count(*) from raw.{table} group by 1"
        raw = {day: ran.metadata(dg.AssetKey(["raw", table]), day) for day in DAYS}
        counted = {day: found["dagster/row_count"] for day, found in raw.items()}
        assert counted == dict(query(ran.warehouse, landed))


def test_a_check_of_a_count_says_the_count(ran):
    """Also when it passes; here there is too little history."""
    first_run = ran.instance.get_runs()[-1].run_id
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    logged = ran.instance.all_logs(first_run, of_type=kind)
    checks = [entry.get_dagster_event().event_specific_data for entry in logged]
    of_day = [check for check in checks if check.partition == DAYS[-1]]
    [last] = [check for check in of_day if check.check_name == "daily_row_count"]
    said = {name: value.value for name, value in last.metadata.items()}
    facts = f"select count(*) from analytics.fact_events where event_date = '{DAYS[-1]}'"
    assert [(said["events"],)] == query(ran.warehouse, facts)
    assert said["history"] == 0
    assert "too little history" in said["unusual"]


def test_ml_is_stored_by_partition(ran):
    features = ran.storage / "user_activity_features"
    assert sorted(path.name for path in features.iterdir()) == [f"{day}.parquet" for day in DAYS]
    frame = pd.read_parquet(features / "2026-03-03.parquet")
    assert frame.user_id.is_unique
    bought = query(
        ran.warehouse,
        "select count(distinct user_id) from analytics.fact_events"
        " where event_date = '2026-03-03' and event_type = 'purchase'",
    )
    assert frame.bought.sum() == bought[0][0]
    before = query(
        ran.warehouse,
        "select count(*) from analytics.fact_events"
        " where event_date between '2026-02-24' and '2026-03-02'",
    )
    assert frame.events.sum() == before[0][0]
    from upath import UPath

    model = PartitionedFiles().load_from_path(
        None, UPath(ran.storage) / "purchase_propensity_model" / "2026-03-03"
    )
    assert len(model.predict_proba(frame)) == len(frame)
    metrics = ran.instance.get_latest_materialization_event(
        dg.AssetKey(["purchase_propensity_model"])
    ).asset_materialization.metadata
    assert metrics["roc_auc"].value > 0.5


def test_a_cell_is_overwritten_alone(ran):
    before = query(ran.warehouse, REGIONAL_ROWS)
    built_days = "select * from intermediate.built_days order by model, kind, day"
    built = query(ran.warehouse, built_days)
    query(ran.warehouse, SPOIL)
    beside = """select * from analytics.regional_daily_events
        where (event_date, region) <> ('2026-03-02', 'eu-west') order by 1, 2, 3"""
    left = query(ran.warehouse, beside)
    assert ran.run("cells", "2026-03-02|eu-west").success
    assert query(ran.warehouse, beside) == left != []  # of the same day too
    wrong = (
        "select distinct event_date::text, region from analytics.regional_daily_events"
        f" where events >= 0 and event_date >= '{DAYS[0]}'"
    )
    assert query(ran.warehouse, wrong) == [("2026-03-02", "eu-west")]
    # A range of cells is one run, of every cell in it.
    tags = {
        "dagster/asset_partition_range_start": "2026-03-01|eu-west",
        "dagster/asset_partition_range_end": "2026-03-02|ap-south",
    }
    assert ran.run("cells", tags=tags).success
    assert sorted(query(ran.warehouse, wrong)) == [
        (day, region) for day in DAYS[:2] for region in ("ap-south", "eu-west")
    ]
    # Cells are no whole days: nothing may be taken for built.
    assert query(ran.warehouse, built_days) == built
    assert ran.backfill(DAYS[0], DAYS[-1])
    assert query(ran.warehouse, REGIONAL_ROWS) == before


def test_the_cell_of_all_other_regions_is_the_rest(ran):
    """Also of events whose region is not known."""
    before = query(ran.warehouse, REGIONAL_ROWS)
    query(ran.warehouse, SPOIL)
    query(
        ran.warehouse,
        "update analytics.fact_events set region = nullif('x', 'x') where region = 'us-east'"
        " and event_date = '2026-03-01' returning 1",
    )
    assert ran.run("cells", "2026-03-01|other").success
    assert ran.run("cells", "2026-03-01|us-east").success
    assert query(
        ran.warehouse,
        "select distinct region from analytics.regional_daily_events"
        " where event_date = '2026-03-01' and events >= 0 order by 1",
    ) == [("unknown",)]
    assert ran.backfill(DAYS[0], DAYS[-1])
    assert query(ran.warehouse, REGIONAL_ROWS) == before


def test_the_newest_day_is_not_made_present_by_old_ones(ran):
    assert due_day(datetime(2026, 3, 5, 4, tzinfo=UTC)).start == date(2026, 3, 3)
    assert due_day(datetime(2026, 3, 5, 6, tzinfo=UTC)).start == date(2026, 3, 4)
    done = check(ran, "newest_day_present")
    assert not done.passed  # it was just backfilled, but not with yesterday
    assert [state.value for state in done.metadata.values()] == ["missing"]
    assert check(ran, "partitions_agree").passed
    query(ran.warehouse, "delete from intermediate.built_days where day = '2026-03-02' returning 1")
    agree = check(ran, "partitions_agree")
    assert not agree.passed
    assert agree.metadata["only_dagster"].value == ["2026-03-02"]


def test_a_killed_backfill_goes_on_with_what_is_missing(ran, tmp_path, history_dir):
    day = "2026-01-06"  # of a month before that of the oldest event, the first partition but for it
    settings = ran.warehouse.libpq_env() | {
        "LOCAL_DIR": str(history_dir),
        "FROM": day,
        "PARTITIONS_START": "",
        "EVENTS_URL": ran.api.url,
        "EVENTS_API_TOKEN": ran.api.token,
        "STORAGE_URL": str(tmp_path / "storage"),
    }
    pulled = (
        f"select completed_at from raw.loads where first_day = '{day}' and completed_at > 'epoch'"
    )
    process = start("orchestration.backfill", **settings)
    wait_until(lambda: query(ran.warehouse, pulled), process)
    # Its first step has ended when the second is known to Postgres.
    building = "select 1 from pg_stat_activity where application_name = 'fact-events-dbt'"
    wait_until(lambda: query(ran.warehouse, building), process)
    process.kill()
    before = query(ran.warehouse, pulled)
    done = run_fresh("orchestration.backfill", **settings)
    assert done.returncode == 0, done.stderr
    assert query(ran.warehouse, pulled) == before  # not pulled again
    # The history is not in the warehouse, though that is a server of the user's own.
    tables = "select count(*) from pg_tables where tablename = 'event_logs'"
    assert query(ran.warehouse, tables) == [(0,)]
    ends = query(replace(ran.warehouse, database="dagster"), "select status from runs order by id")
    assert ends == [("FAILURE",), ("SUCCESS",)]
    assert query(
        ran.warehouse,
        f"select received = fact + duplicate + quarantined and is_complete"
        f" from analytics.row_accounting where ingest_date = '{day}'",
    ) == [(True,)]

    failed = run("orchestration.backfill", **settings | {"EVENTS_API_TOKEN": "another"})
    assert failed.returncode == 2
    said = f"error: FROM={day} TO={day}: the Dagster run failed, see above"
    assert failed.stderr.splitlines()[-1] == said


def test_a_failed_test_fails_the_run_at_once_and_holds_back_what_follows(ran):
    query(
        ran.warehouse,
        """create function lose() returns trigger language plpgsql as
            $$ begin
                return case when new.ingest_date < date '2026-03-04' then new end;
            end $$;
        create trigger lose before insert on analytics.quarantined_events
        for each row execute function lose(); select 1""",
    )
    assert not ran.backfill("2026-03-03", "2026-03-04")
    [failed] = ran.instance.get_runs(limit=1)
    events = [
        e.get_dagster_event() for e in ran.instance.all_logs(failed.run_id) if e.is_dagster_event
    ]
    steps = {(event.event_type_value, event.step_key) for event in events}
    assert ("STEP_SUCCESS", "raw") in steps
    assert ("STEP_UP_FOR_RETRY", "dbt_models") not in steps  # the same rows would fail again
    assert ("STEP_START", "user_activity_features") not in steps
    checks = [
        e.event_specific_data for e in events if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert {c.check_name for c in checks if c.blocking and not c.passed} == {
        "assert_rows_accounted_for"
    }
    # Of all days of the run, the one that is wrong.
    found = {c.partition: c for c in checks if c.check_name == "assert_rows_accounted_for"}
    assert "2026-03-03" in found
    assert [day for day, c in found.items() if not c.passed] == ["2026-03-04"]
    assert "row_accounting" in found["2026-03-04"].metadata["query"].value

    query(ran.warehouse, "drop function lose cascade; select 1")
    # Whoever repeats a run that has come to an end wants all of it anew.
    assert ran.backfill("2026-03-03", "2026-03-04")
    [repeated] = ran.instance.get_runs(limit=1)
    stats = ran.instance.get_run_step_stats(repeated.run_id)
    assert {"raw", "dbt_models", "user_activity_features"} <= {step.step_key for step in stats}
