"""Sources of SOURCES_FILE in Dagster: an asset each, with its own owner, schedule and days."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.settings import ROOT
from tests.helpers.pipeline import deliver, event, query
from tests.helpers.processes import run_fresh

D1, D2 = "2026-03-01", "2026-03-02"
SOURCES = """
[[source]]
name = "web"
SOURCE = "files"
url = "{folder}/web/%Y-%m-%d*"
mapping = "canonical"
owner = "web@example.com"
schedule = "0 3 * * 1-5"

[[source]]
name = "app"
SOURCE = "files"
url = "{folder}/app/%Y-%m-%d*"
mapping = "canonical"
"""
# In a process of its own: assets are made when the code is loaded.
DESCRIBE = """
import json
from datetime import UTC, datetime
import dagster as dg
from orchestration.definitions import defs

graph = defs.resolve_asset_graph()
schedule = defs.resolve_schedule_def("source_web")
context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 3, 2, 3, tzinfo=UTC))
[request] = schedule.evaluate_tick(context).run_requests
names = lambda keys: sorted(key.to_user_string() for key in keys)
node = lambda *path: graph.get(dg.AssetKey(path))
pull = defs.resolve_job_def("pull")
print(json.dumps({
    "parents": names(node("raw", "events").parent_keys),
    "owners": {name: list(node("sources", name).owners) for name in ("web", "app")},
    "cron": [schedule.cron_schedule, schedule.default_status.value],
    "tags": {k: v for k, v in request.tags.items() if "range" in k},
    "pulled": names(pull.asset_layer.selected_asset_keys),
    "pulled_by": names(defs.resolve_job_def("source_web").asset_layer.selected_asset_keys),
}))
"""


@pytest.fixture
def settings(warehouse, tmp_path) -> dict[str, str]:
    file = tmp_path / "sources.toml"
    file.write_text(SOURCES.format(folder=tmp_path))
    return warehouse.libpq_env() | {
        "SOURCES_FILE": f"{file}",
        "STORAGE_URL": f"{tmp_path / 'storage'}",
    }


def described(settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DESCRIBE]
    env = os.environ | settings
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def test_each_source_is_an_asset_with_its_owner_and_schedule(settings):
    done = described(settings)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        "parents": ["sources/app", "sources/web"],
        "owners": {"web": ["web@example.com"], "app": ["data-engineering@example.com"]},
        "cron": ["0 3 * * 1-5", "RUNNING"],
        # Monday's tick: since Friday's.
        "tags": {
            "dagster/asset_partition_range_start": "2026-02-27",
            "dagster/asset_partition_range_end": "2026-03-02",
        },
        "pulled": ["raw/events", "raw/user_profiles", "sources/app"],
        "pulled_by": ["raw/events", "raw/user_profiles", "sources/web"],
    }


def test_a_schedule_that_is_no_cron_is_said_in_a_line(settings):
    file = Path(settings["SOURCES_FILE"])
    file.write_text(file.read_text().replace("0 3 * * 1-5", "61 3 * * 1-5"))
    last = described(settings).stderr.splitlines()[-1]
    assert last.endswith("has schedule = '61 3 * * 1-5' of 'web', which is no cron")
    assert f"SOURCES_FILE='{file}'" in last


def test_a_backfill_pulls_all_sources_and_says_what_each_delivered(
    settings, warehouse, tmp_path, history_dir
):
    for day in (D1, D2):
        deliver(tmp_path / "web", day, [event(f"web {n} {day}", f"{day}T10:00:00Z") for n in "abc"])
        deliver(tmp_path / "app", day, [event(f"app {day}", f"{day}T11:00:00Z")])
    done = run_fresh(
        "orchestration.backfill", **settings, LOCAL_DIR=f"{history_dir}", FROM=D1, TO=D2
    )
    assert done.returncode == 0, done.stderr
    facts = "select event_date::text, count(*) from analytics.fact_events group by 1 order by 1"
    assert query(warehouse, facts) == [(D1, 4), (D2, 4)]
    noted = """select asset_key, partition, event::jsonb from event_logs
        where dagster_event_type = 'ASSET_MATERIALIZATION' and asset_key ~ 'sources|raw'"""
    history = replace(warehouse, database="dagster")
    rows = {(key, day): rows_of(json.dumps(said)) for key, day, said in query(history, noted)}
    assert rows == {
        (key, day): number
        for day in (D1, D2)
        for key, number in (
            ('["sources", "web"]', 3),
            ('["sources", "app"]', 1),
            ('["raw", "events"]', 4),
            ('["raw", "user_profiles"]', 0),  # without which nothing is skipped
        )
    }


def rows_of(said: str) -> int:
    """The row count in a serialized event."""
    found = re.search(r'"dagster/row_count".*?"value": (\d+)', said)
    assert found, said
    return int(found[1])
