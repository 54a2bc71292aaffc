"""A migration from a DAG with faults, step by step, as docs/guides/from-airflow.md has it."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.examples.airflow_home import LONG, PYTHON, Airflow, connection
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run

pytestmark = [pytest.mark.timeout(LONG), pytest.mark.tables_built]

FIRST = date(2026, 3, 1)
DAYS = [f"{FIRST + timedelta(each)}" for each in range(5)]
USERS = 12
# By the names that docs/compare.md has: rows, and days.
FAULTS = {
    "late_rows_lost": (2 * len(DAYS), len(DAYS)),
    "loaded_again": (48, 1),
    "first_hours_only": (48 - 6, 1),
    "current_not_as_of": (24 * 3, 3),
}
SWAP = """
    alter table naive.fact_events rename to fact_events_before;
    create view naive.fact_events as
        select event_id, user_id, event_type, event_ts, event_date, region, user_tier, user_region,
            properties, ingest_date
        from analytics.fact_events;
"""


def events_of(day: str) -> list[dict[str, object]]:
    """An event each half an hour, and of the day before two late ones."""
    late = f"{date.fromisoformat(day) - timedelta(1)}"
    return [
        event(f"{day}-{n}", f"{day}T{n // 2:02}:{n % 2 * 30:02}:00Z", user_id=f"u{n % USERS}")
        for n in range(48)
    ] + [event(f"{late}-late{n}", f"{late}T1{n}:00:00Z", user_id=f"u{n}") for n in range(2)]


def profiles_of(day: str) -> list[dict[str, object]]:
    """From the fourth day on every second user is another tier's."""
    return [
        {
            "user_id": f"u{n}",
            "tier": "pro" if day >= DAYS[3] and n % 2 else "free",
            "region": "us-east",
            "updated_at": f"{day}T00:00:00Z",
        }
        for n in range(USERS)
    ]


@pytest.fixture
def naive(warehouse, airflow_home: Path, tmp_path) -> Airflow:
    """Airflow with the naive DAG alone."""
    return Airflow(
        airflow_home,
        {
            **connection(warehouse),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "tests" / "examples" / "naive"),
            "NAIVE_FOLDER": str(tmp_path / "events"),
        },
    )


def compare() -> tuple[int, dict[str, tuple[int, int]]]:
    """Exit status of `make compare`; of each reason why the naive table is wrong rows and days."""
    done = run(
        "reporting.compare",
        LEFT="analytics.fact_events",
        RIGHT="naive.fact_events",
        KEY="user_id,event_id",
        JSON="1",
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)["reasons"]
    assert {each["side"] for each in found} <= {"right"}
    reasons = {each["code"]: (each["rows"], len(each["days"])) for each in found}
    return done.returncode, reasons


def test_a_naive_loader_is_replaced(naive, warehouse, tmp_path):
    events, profiles = tmp_path / "events", tmp_path / "profiles"
    for day in DAYS:
        deliver(events, day, events_of(day))
        deliver(profiles, day, profiles_of(day))
    # Beside it: the core, on the same deliveries.
    ingest_files(warehouse, events, DAYS[0], DAYS[-1], profiles_url=profiles)
    build()
    # Somebody runs the days by hand when they are over, the second one twice; the last one runs by
    # its schedule, at 03:00.
    naive.test("naive_events", *DAYS[:4], DAYS[1])
    deliver(events, DAYS[4], [each for each in events_of(DAYS[4]) if each["event_ts"][11:] < "03"])
    naive.test("naive_events", DAYS[4])

    assert compare() == (1, FAULTS)
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(SWAP)
    assert compare() == (0, {})
    naive.command("dags", "pause", "naive_events", "--yes")
    query(warehouse, "drop table naive.fact_events_before; select 1")
    assert compare() == (0, {})


@pytest.mark.parametrize(
    ("dag", "folder", "says"),
    [
        ("naive_events", "tests/examples/naive", "2026-03-02 03:00 2026-03-02"),
        ("classic_events", "examples/airflow/dags", "2026-03-03 03:00 2026-03-02"),
        ("modern_events", "examples/airflow/dags", "2026-03-03 03:00 2026-03-02"),
    ],
)
def test_plain_cron_gives_the_day_of_the_run(naive, dag, folder, says):
    naive.settings["AIRFLOW__CORE__DAGS_FOLDER"] = str(ROOT / folder)
    done = naive.run(PYTHON, ROOT / "tests" / "examples" / "first_run.py", dag, "2026-03-02")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == says
