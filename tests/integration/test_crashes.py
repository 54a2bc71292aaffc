"""Killed and concurrent ingestions: a load is complete or invisible; running again is the cure."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from core.progress import Progress
from core.settings import ROOT
from core.warehouse.connection import Warehouse
from ingestion.mapping.mapping import SHIPPED
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import FORKS
from tests.helpers.waiting import LONG, wait_until

pytestmark = pytest.mark.tables_built
DAY = "2026-01-01"
VISIBLE = "select count(*), count(distinct event_id) from staging.stg_events"


def start_ingest(folder: Path, first: str, last: str | None = None) -> subprocess.Popen[str]:
    settings = {
        "SOURCE": "files",
        "EVENTS_URL": str(folder / "%Y-%m-%d.jsonl"),
        "FROM": first,
        "TO": last or first,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ingestion", "ingest"],
        cwd=ROOT,
        env=os.environ | settings,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_load_is_invisible_and_the_next_one_cures_it(warehouse, tmp_path):
    deliver(tmp_path / "small", DAY, [event("first", f"{DAY}T01:00:00Z")])
    ingest_files(warehouse, tmp_path / "small", DAY)
    build()
    many = [event(f"e{n}", f"{DAY}T02:00:00Z") for n in range(60_000)]
    deliver(tmp_path / "large", DAY, many)

    process = start_ingest(tmp_path / "large", DAY)
    begun = "select from raw.loads where completed_at is null"
    wait_until(lambda: query(warehouse, begun), process)
    process.send_signal(signal.SIGKILL)
    process.wait(LONG)
    assert query(warehouse, VISIBLE) == [(1, 1)]

    ingest_files(warehouse, tmp_path / "large", DAY)
    build()
    assert query(warehouse, VISIBLE) == [(60_000, 60_000)]
    assert query(warehouse, "select count(*) from raw.events") == [(60_000,)]
    assert query(warehouse, "select count(*) from raw.loads where completed_at is null") == [(0,)]
    assert query(warehouse, "select count(*) from analytics.fact_events") == [(60_000,)]
    assert not list((tmp_path / "local" / "scratch").iterdir()), "working files of the killed load"


class AtOnce(Progress):
    """Starts copying only when all processes are about to."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__()
        self.barrier = barrier

    def step(self, title: str) -> None:
        if title == "copying to Postgres":
            self.barrier.wait(120)


def load_at_once(warehouse: Warehouse, folder: Path, loads: list[tuple[str, str]]) -> None:
    """Load days by mappings, each in a process of its own. Of several sources all begin to copy at
    the same moment; of one source all begin at the same moment, and one has the lease.

    They fork from the server of all commands, see tests/helpers/processes.py.
    """
    barrier = FORKS.Barrier(len(loads))
    of_one = len({mapping for _, mapping in loads}) == 1
    # The server's environment is that of its start, maybe another test's.
    arguments = (dict(os.environ), warehouse, folder)
    processes = [
        FORKS.Process(target=load_one, args=(*arguments, *load, barrier, of_one)) for load in loads
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LONG)
    assert [process.exitcode for process in processes] == [0] * len(loads)


def load_one(
    environment: dict[str, str],
    warehouse: Warehouse,
    folder: Path,
    day: str,
    mapping: str,
    barrier: Barrier,
    of_one: bool,
) -> None:
    os.environ.update(environment)
    if of_one:
        barrier.wait(120)
    progress = Progress() if of_one else AtOnce(barrier)
    ingest_files(warehouse, folder, day, mapping=mapping, progress=progress)


def test_days_loaded_at_the_same_time_all_arrive(warehouse, tmp_path):
    """In an empty database: nor do dlt's own tables, made by each first load, meet."""
    days = [f"2026-01-0{number}" for number in range(1, 5)]
    for day in days:
        deliver(tmp_path, day, [event(f"e{n}", f"{day}T02:00:00Z") for n in range(500)])
    mappings = [str(tmp_path / f"source{number}.toml") for number in range(len(days))]
    for mapping in mappings:
        shutil.copy(SHIPPED / "canonical.toml", mapping)
    load_at_once(warehouse, tmp_path, list(zip(days, mappings, strict=True)))
    build()
    assert query(
        warehouse,
        "select event_date::text, count(*) from analytics.fact_events group by 1 order by 1",
    ) == [(day, 500) for day in days]


def test_one_day_loaded_twice_at_the_same_time_arrives_once(warehouse, tmp_path):
    deliver(tmp_path, DAY, [event(f"e{n}", f"{DAY}T02:00:00Z") for n in range(500)])
    load_at_once(warehouse, tmp_path, [(DAY, "canonical")] * 3)
    build()
    assert query(warehouse, "select count(*) from raw.events") == [(500,)]
    assert query(
        warehouse, "select received, fact, duplicate, is_complete from analytics.row_accounting"
    ) == [(500, 500, 0, True)]


def test_a_load_that_postgres_refuses_changes_nothing(warehouse, tmp_path):
    deliver(tmp_path, DAY, [event("first", f"{DAY}T01:00:00Z")])
    ingest_files(warehouse, tmp_path, DAY)
    before = query(warehouse, "select * from raw.events")
    query(warehouse, "alter table raw.events add constraint no_b check (event_id <> 'b'); select 1")
    deliver(tmp_path, DAY, [event("b", f"{DAY}T01:00:00Z")])
    process = start_ingest(tmp_path, DAY)
    assert process.wait(LONG) == 2
    assert "nothing has changed" in process.stderr.read().splitlines()[-1]
    assert query(warehouse, "select * from raw.events") == before
