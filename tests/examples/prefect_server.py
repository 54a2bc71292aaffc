"""A real Prefect server on loopback, and the flow of examples/prefect as it is served there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from core.settings import ROOT
from tests.helpers.postgres import free_port
from tests.helpers.waiting import LONG, wait_until

EXAMPLE = ROOT / "examples" / "prefect"
BIN = EXAMPLE / ".venv" / "bin"
FLOW_SECONDS = 900  # in which any run of the flow has ended, with its waits between attempts
# The server says 503 where its SQLite is busy; Prefect's own client tries again too.
BUSY = Retry(5, status_forcelist=(429, 502, 503), allowed_methods=None, backoff_factor=0.5)
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def require_environment(example: Path = EXAMPLE) -> None:
    """Fail in one line where an example's environment is not there, or older than its lock."""
    lock, installed = example / "requirements.lock", example / ".venv" / "installed"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        pytest.fail(f"{installed} is not there, or older than the lock: make test-examples", False)


@dataclass(frozen=True)
class Prefect:
    """A server. `env`: the variables that lead to it."""

    url: str
    env: dict[str, str]
    home: Path

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """An answer of its REST API."""
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=BUSY))
            answer = session.request(method, f"{self.url}{path}", json=body or None, timeout=LONG)
            answer.raise_for_status()
            return answer.json()

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask("GET", "/health"))
        except requests.ConnectionError:
            return False

    def deployments(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {each["name"]: each for each in self.ask("POST", "/deployments/filter")}

    def start(self, source: str, *days: str) -> str:
        """Ask for a run of the days first to last, or of those it takes by itself; its id."""
        deployment = self.deployments()[source]["id"]
        parameters = {"source": source} | dict(zip(("first", "last"), days, strict=False))
        run = self.ask("POST", f"/deployments/{deployment}/create_flow_run", parameters=parameters)
        return str(run["id"])

    def ended(self, run: str, process: subprocess.Popen[str]) -> dict[str, Any]:
        """The run when it has ended.

        Args:
            run: its id.
            process: what serves the flow.
        """

        def look() -> dict[str, Any]:
            found: dict[str, Any] = self.ask("GET", f"/flow_runs/{run}")
            return found

        wait_until(lambda: look()["state_type"] in ENDED, process, FLOW_SECONDS, pause=1)
        return look()

    def tasks(self, run: str) -> dict[str, dict[str, Any]]:
        """The task runs of a flow run, by the name of the task."""
        found = self.ask("POST", "/task_runs/filter", flow_runs={"id": {"any_": [run]}})
        return {each["name"].rpartition("-")[0]: each for each in found}

    def logs(self, run: str) -> str:
        """What a flow run has logged."""
        found = self.ask("POST", "/logs/filter", logs={"flow_run_id": {"any_": [run]}})
        return "\n".join(each["message"] for each in found)


@contextmanager
def prefect_server(home: Path) -> Iterator[Prefect]:
    """A server with a history of its own, while it lasts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    settings = {
        "PREFECT_HOME": f"{home}",
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # A run that waits for another one of its source looks again after this: by itself 30 s.
        "PREFECT_SERVER_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | settings,
            stdout=log,
            stderr=log,
            text=True,
        )
        found = Prefect(url, settings, home)
        try:
            wait_until(found.is_up, process, pause=0.5)
            yield found
        finally:
            process.terminate()
            process.wait(LONG)


@contextmanager
def served(prefect: Prefect, *sources: str) -> Iterator[subprocess.Popen[str]]:
    """The flow as a deployment of each source, with the environment of the test."""
    with (prefect.home / "flow.log").open("w") as log:
        process = subprocess.Popen(
            [BIN / "python", EXAMPLE / "flow.py", *sources],
            env=os.environ | prefect.env,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            wait_until(lambda: set(sources) <= set(prefect.deployments()), process, pause=1)
            yield process
        finally:
            process.terminate()
            process.wait(LONG)
