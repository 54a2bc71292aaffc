"""examples/airflow under Airflow's own services: a schedule, a killed task, assets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.examples.airflow_home import LONG, Airflow, connection, mail_to
from tests.examples.airflow_services import START, Api, kill_task, services
from tests.helpers.pipeline import deliver, event, query
from tests.helpers.receivers import mail_server
from tests.helpers.waiting import wait_until

ASKED = "2026-03-02"
AT = {"logical_date": f"{ASKED}T03:00:00Z"}
ROWS = "select event_date::text, event_id from analytics.fact_events order by 1, 2"


def last_complete_day() -> str:
    """Of the last 03:00 that is over, the day before."""
    return f"{(datetime.now(UTC) - timedelta(days=1, hours=3)).date()}"


def ended(api: Api, dag_id: str, number: int) -> bool:
    states = [run["state"] for run in api.runs(dag_id)]
    assert "failed" not in states
    return states.count("success") >= number


@pytest.mark.timeout(LONG)
def test_the_dags_under_a_scheduler(airflow_home: Path, warehouse, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTS_URL", str(tmp_path / "events" / "%Y-%m-%d.jsonl"))
    scheduled = last_complete_day()
    for day in (ASKED, scheduled):
        deliver(tmp_path / "events", day, [event("a", f"{day}T10:00:00Z")])
    airflow = Airflow(airflow_home, connection(warehouse))
    with mail_server() as (_, url):
        airflow.settings.update(mail_to(url))
        with services(airflow) as api:
            a_killed_task_is_tried_again(api, airflow, scheduled)
            assert query(warehouse, ROWS) == [(ASKED, "a"), (scheduled, "a")]
            late = event("late", f"{ASKED}T11:00:00Z")
            deliver(tmp_path / "events", scheduled, [event("a", f"{scheduled}T10:00:00Z"), late])
            new_facts_start_the_model(api)
    assert query(warehouse, ROWS) == [(ASKED, "a"), (ASKED, "late"), (scheduled, "a")]


def a_killed_task_is_tried_again(api: Api, airflow: Airflow, scheduled: str) -> None:
    """In the run that the schedule starts at once, for the last day that is over."""
    wait_until(lambda: api.get("/api/v2/dags/classic_events"), None, START)
    api.send("PATCH", "/dags/classic_events", {"is_paused": False})
    kill_task(airflow, "ingestion ingest")
    asked = api.send("POST", "/dags/classic_events/dagRuns", AT)
    wait_until(lambda: ended(api, "classic_events", 2), None, LONG)
    tries = api.tries("classic_events", "day.extract")
    assert tries.pop(asked["dag_run_id"]) == 1
    [run] = [run for run in api.runs("classic_events") if run["dag_run_id"] in tries]
    assert run["run_type"] == "scheduled"
    assert run["logical_date"] == f"{scheduled}T03:00:00Z"
    assert tries == {run["dag_run_id"]: 2}


def new_facts_start_the_model(api: Api) -> None:
    """A late event arrives; the modern DAG's asset starts the DAG of the model."""
    for dag_id in ("purchase_propensity", "modern_events"):
        wait_until(lambda dag_id=dag_id: api.get(f"/api/v2/dags/{dag_id}"), None, START)
        api.send("PATCH", f"/dags/{dag_id}", {"is_paused": False})
    wait_until(lambda: ended(api, "purchase_propensity", 1), None, LONG)
    [run] = api.runs("purchase_propensity")
    assert run["run_type"] == "asset_triggered"
