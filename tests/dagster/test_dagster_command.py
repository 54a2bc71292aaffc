"""`make dagster ARGS=`: what Dagster's documentation tells a user to type."""

from __future__ import annotations

from dataclasses import replace

from ingestion.demo.server import running
from tests.conftest import empty_warehouse
from tests.helpers.pipeline import query
from tests.helpers.processes import run

COMMAND = "orchestration.dagster_command"
SELECT = ("--select", "raw/events,raw/user_profiles")
RUNS = "select status from runs"


def test_a_range_of_assets_with_the_history_of_make_ui(server, history_dir):
    with empty_warehouse(server, "typed") as found, running() as api:
        settings = found.libpq_env() | {
            "LOCAL_DIR": str(history_dir),
            "EVENTS_URL": api.url,
            "EVENTS_API_TOKEN": api.token,
        }
        days = ("--partition-range", "2026-03-01..2026-03-02")
        done = run(COMMAND, "asset", "materialize", *SELECT, *days, **settings)
        assert done.returncode == 0, done.stderr
        landed = "select distinct ingest_date::text from raw.events order by 1"
        assert query(found, landed) == [("2026-03-01",), ("2026-03-02",)]
        assert query(replace(server, database="dagster"), RUNS) == [("SUCCESS",)]

        said = run(COMMAND, "instance", "info", **settings)
        assert str(history_dir / "dagster") in said.stdout

        nothing = run(COMMAND, **settings)
        assert nothing.returncode == 2
        assert nothing.stderr.startswith("error: ARGS is not set")
