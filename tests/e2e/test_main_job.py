"""`make run`, as a newcomer types it in a fresh clone, on an embedded server of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.days import last_complete_days
from core.settings import ROOT
from core.warehouse.embedded import start_embedded
from tests.helpers.pipeline import FACTS, query
from tests.helpers.processes import run


@pytest.fixture
def make(tmp_path: Path):
    """`make` in a copy of the repository that no dbt or Dagster has run in yet."""
    clone = tmp_path / "clone"
    left = shutil.ignore_patterns(".git", ".venv", ".local", "target", "logs", ".*_cache")
    shutil.copytree(ROOT, clone, ignore=left)
    (clone / ".venv").symlink_to(ROOT / ".venv")

    def run_make(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments],
            cwd=clone,
            # Not as a sub-make of `make test`, which would say where it is.
            env={
                name: value
                for name, value in os.environ.items()
                if "MAKE" not in name and name != "DBT_TARGET_PATH"
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    yield run_make
    run("ingestion", "down")


def test_main_job_twice(make):
    days = [day.isoformat() for day in last_complete_days(7)]
    first = make("run")
    assert first.returncode == 0, first.stderr
    warehouse = start_embedded()
    facts = query(warehouse, FACTS)
    accounts = query(warehouse, "select * from analytics.row_accounting order by 1")

    shown = re.findall(r"│ (\d{4}-\d\d-\d\d) │ +([\d,]+) │", first.stdout)
    by_day = dict(
        query(warehouse, "select event_date::text, count(*) from analytics.fact_events group by 1")
    )
    assert {day: int(events.replace(",", "")) for day, events in shown} == by_day
    assert set(days) <= set(by_day)
    assert [row[0].isoformat() for row in accounts] == days
    assert all(row[1] == row[2] + row[3] + row[4] and row[5] for row in accounts)
    assert "Next, try" in first.stdout
    # Tier and region come from profiles; both change over time, so users have several versions.
    assert {row[6] for row in facts} == {"free", "pro", "enterprise", "unknown"}
    assert query(warehouse, "select max(versions) > 1 from analytics.dim_users") == [(True,)]

    second = make("run")
    assert second.returncode == 0, second.stderr
    assert query(warehouse, FACTS) == facts
    assert query(warehouse, "select * from analytics.row_accounting order by 1") == accounts
    assert second.stdout.startswith(f"canonical: unchanged (14 units, {days[0]} to {days[-1]})\n")
    # All the same, but that views are there.
    built = re.compile(r"dbt build: \d+ models(.*)", re.DOTALL)
    assert built.findall(second.stdout) == built.findall(first.stdout) != []

    # The same again through the other commands a newcomer tries.
    report = make("report")
    assert report.returncode == 0
    assert report.stdout in first.stdout
    transformed = make("transform")
    assert transformed.returncode == 0, transformed.stderr
    assert query(warehouse, FACTS) == facts
