"""`make services`: the code server, the daemon and the web server, each by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import requests

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from ingestion.demo.server import running
from tests.conftest import administer, copied
from tests.helpers.compose import command_of
from tests.helpers.pipeline import query
from tests.helpers.tiers import matrix
from tests.helpers.ui import ask, free_port, launch, runs
from tests.helpers.waiting import LONG, wait_until

NAMES = ("code-server", "daemon", "webserver")
ASSETS = "{ assetNodes { assetKey { path } isExecutable partitionDefinition { description } } }"
BACKFILL = """mutation Backfill($params: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $params) {
        __typename
        ... on LaunchBackfillSuccess { backfillId }
        ... on PythonError { message }
    }
}"""
ENDED = {"SUCCESS", "FAILURE"}
BACKFILLS = "... on PartitionBackfills { results { id status } }"
ACCOUNTS = """select ingest_date::text, received, fact + duplicate + quarantined, is_complete
    from analytics.row_accounting where ingest_date = any(%s::date[]) order by 1"""


@dataclass
class House:
    """An empty warehouse, another empty database for the history, and settings that name them."""

    warehouse: Warehouse
    history: Warehouse
    settings: dict[str, str]
    api: str
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['UI_PORT']}"


@pytest.fixture(scope="module")
def house(server, tmp_path_factory) -> Iterator[House]:
    with copied(server, "apart", "template1") as found, running() as api:
        administer(server, "create database {}", "apart_history")
        history = replace(server, database="apart_history")
        settings = found.libpq_env() | {
            "DAGSTER_HISTORY_URL": history.url(),
            "LOCAL_DIR": str(tmp_path_factory.mktemp("local")),
            "ENV_FILE": os.devnull,
            "EVENTS_URL": api.url,
            "EVENTS_API_TOKEN": api.token,
            "UI_PORT": f"{free_port()}",
            "CODE_SERVER_PORT": f"{free_port()}",
            "PARTITIONS_START": "2026-03-01",
        }
        yield House(found, history, settings, api.url, api.token)
        administer(server, "drop database {} with (force)", "apart_history")


@pytest.fixture(scope="module")
def built_house(house) -> House:
    """The same, with a day in it, and all views."""
    command = [sys.executable, "-m", "orchestration.backfill"]
    env = os.environ | house.settings | {"FROM": "2026-03-20"}
    assert subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=300).returncode == 0
    return house


@contextmanager
def started(command: Sequence[str], house: House, log: Path) -> Iterator[psutil.Process]:
    """A command while the body runs; whatever it has started ends with it."""
    # Not as a sub-make of `make test`.
    env = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=env | house.settings, stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(LONG)


def is_loaded(house: House) -> bool:
    try:
        return any(each["isExecutable"] for each in ask(house.url, ASSETS)["assetNodes"])
    except (requests.RequestException, AssertionError):
        return False


def test_make_services_on_an_empty_server(house, tmp_path):
    """What is launched runs, all are of the user's own Postgres, and all end in ten seconds."""
    make = ["make", "--old-file=.venv/installed", "services"]
    with started(make, house, tmp_path / "log") as process:
        wait_until(lambda: is_loaded(house))
        said = (tmp_path / "log").read_text()
        assert len(said.splitlines()) < 10, said
        run = ask(house.url, launch("2026-03-20"))["launchRun"]["run"]["runId"]
        done = [{"runId": run, "parentRunId": None, "status": "SUCCESS"}]
        wait_until(lambda: runs(house.url) == done)
        assert query(house.history, "select count(*) from runs") == [(1,)]
        assert not Path(house.settings["LOCAL_DIR"], "postgres").exists()
        alive = process.children(recursive=True)
        assert len(alive) > 2 * len(NAMES)
        asked_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert not psutil.wait_procs(alive, timeout=30)[1]
        assert time.monotonic() - asked_at < 10
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.full
@matrix("name", {"killed": {name: name for name in NAMES}})
def test_a_service_is_killed_while_a_backfill_runs(built_house, tmp_path, name):
    """With all that it has started, and is started again: the backfill ends, its days are right."""
    house = built_house
    first = 1 + 4 * NAMES.index(name)
    days = [f"2026-03-{day:02}" for day in range(first, first + 4)]
    with ExitStack() as services:
        tree = {each: services.enter_context(one(each, house, tmp_path / each)) for each in NAMES}
        wait_until(lambda: is_loaded(house))
        backfill = launch_backfill(house.url, days)
        wait_until(lambda: "STARTED" in [each["status"] for each in runs(house.url)])
        for process in [*tree[name].children(recursive=True), tree[name]]:
            with suppress(psutil.NoSuchProcess):  # it has ended with another
                process.kill()
        services.enter_context(one(name, house, tmp_path / "again"))
        wait_until(lambda: is_loaded(house))
        wait_until(lambda: ended(house.url, backfill), seconds=180)
        assert ended(house.url, backfill) == "COMPLETED_SUCCESS"
        assert {each["status"] for each in runs(house.url)} <= {"SUCCESS", "FAILURE"}
    counts = {day: events_of(house, day) for day in days}
    expected = [(day, count, count, True) for day, count in counts.items()]
    assert query(house.warehouse, ACCOUNTS, days) == expected


def one(name: str, house: House, log: Path):
    """A service as a plain process, as deploy/compose.yaml has it in a container."""
    return started(command_of(name), house, log)


def launch_backfill(url: str, days: list[str]) -> str:
    nodes = ask(url, ASSETS)["assetNodes"]
    # Others, raw/ledger among them, have none.
    made = [each for each in nodes if each["isExecutable"] and each["partitionDefinition"]]
    daily = [
        each["assetKey"]
        for each in made
        if each["partitionDefinition"]["description"].startswith("Daily")
    ]
    assert len(daily) > 5
    params = {"assetSelection": daily, "partitionNames": days}
    answer = ask(url, {"query": BACKFILL, "variables": {"params": params}})
    return str(answer["launchPartitionBackfill"]["backfillId"])


def ended(url: str, backfill: str) -> str:
    """How a backfill ended; "" while it goes on."""
    found = ask(url, f"{{ partitionBackfillsOrError {{ {BACKFILLS} }} }}")
    results = found["partitionBackfillsOrError"]["results"]
    [status] = [str(each["status"]) for each in results if each["id"] == backfill]
    return "" if status in ("REQUESTED", "COMPLETED") else status


def events_of(house: House, day: str) -> int:
    """How many events the API has of a day."""
    params = {"date": day}
    headers = {"Authorization": f"Bearer {house.token}"}
    found = 0
    while True:
        answer = requests.get(f"{house.api}/events", params=params, headers=headers, timeout=30)
        page = answer.json()
        found += len(page["events"])
        if not page["next_cursor"]:
            return found
        params["cursor"] = page["next_cursor"]
