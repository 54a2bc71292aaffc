"""Terminate in the UI and Ctrl-C end what runs: nothing is started again, no query goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from ingestion.demo.server import running
from tests.conftest import empty_warehouse
from tests.helpers.pipeline import held, query
from tests.helpers.ui import ask, free_port, launch, runs, serving
from tests.helpers.waiting import LONG, wait_until

DAY = "2026-03-01"
AT_ONCE = 10  # seconds
TERMINATE = 'mutation {{ terminateRun(runId: "{}") {{ __typename }} }}'
DBT = "select 1 from pg_stat_activity where application_name = 'fact-events-dbt' and datname = '{}'"
BLOCKED = DBT + " and wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def house(server) -> Iterator[Warehouse]:
    with empty_warehouse(server, "terminated") as found:
        yield found


@pytest.fixture(scope="module")
def settings(house, history_dir, tmp_path_factory) -> Iterator[dict[str, str]]:
    with running() as api:
        yield house.libpq_env() | {
            "LOCAL_DIR": str(history_dir),
            "ENV_FILE": os.devnull,
            "EVENTS_URL": api.url,
            "EVENTS_API_TOKEN": api.token,
            "STORAGE_URL": str(tmp_path_factory.mktemp("storage")),
            "PARTITIONS_START": DAY,
        }


@contextmanager
def silent_api() -> Iterator[socket.socket]:
    """It takes a request, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LONG)
        yield listening


def address(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_terminate_in_the_ui(house, settings, tmp_path):
    with silent_api() as api:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        given = settings | {"EVENTS_URL": address(api), "UI_PORT": f"{port}"}
        with serving(tmp_path / "log", **given):
            run = ask(url, launch(DAY))["launchRun"]["run"]["runId"]
            with api.accept()[0]:
                asked_at = time.monotonic()
                ask(url, TERMINATE.format(run))
                wait_until(lambda: status(url, run) != "CANCELING")
                assert time.monotonic() - asked_at < AT_ONCE
            assert status(url, run) == "CANCELED"
            events = "... on EventConnection { events { __typename } }"
            logs = ask(url, f'{{ logsForRun(runId: "{run}") {{ {events} }} }}')["logsForRun"]
            assert {"__typename": "ExecutionStepUpForRetryEvent"} not in logs["events"]
            assert [each["runId"] for each in runs(url)] == [run]
    assert query(house, "select count(*) from raw.loads") == [(0,)]


def status(url: str, run: str) -> str:
    return str({each["runId"]: each["status"] for each in runs(url)}[run])


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_backfill_that_is_told_to_end_in_dbt(house, settings, server, by):
    """While dbt waits for a lock in Postgres: its query ends with it."""
    command = [sys.executable, "-m", "orchestration.backfill"]
    given = os.environ | settings | {"FROM": DAY}
    assert subprocess.run(command, env=given, cwd=ROOT, check=False).returncode == 0
    query(house, "delete from intermediate.built_days where model = 'fact_events' returning 1")
    with held(house, "analytics.fact_events"):
        process = psutil.Popen(command, env=given, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: query(house, BLOCKED.format(house.database)), process)
        process.send_signal(by)
        said = process.communicate(timeout=AT_ONCE)[1]
        assert not query(house, DBT.format(house.database))
    history = replace(server, database="dagster")
    ended = query(history, "select status from runs order by id desc limit 1")
    if by == signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1] == "interrupted"
        assert ended == [("CANCELED",)]
    else:
        assert process.returncode != 0
        assert ended == [("FAILURE",)]
    assert subprocess.run(command, env=given, cwd=ROOT, check=False).returncode == 0
