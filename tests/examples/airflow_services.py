"""Airflow's api-server, scheduler and dag-processor, really started, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.examples.airflow_home import PYTHON, Airflow
from tests.helpers.waiting import LONG, wait_until

COMPONENTS = {
    "api-server": ("--host", "127.0.0.1", "--workers", "1", "--port"),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
}
START = 300  # seconds in which all are up, also on a busy machine
END = 60  # seconds in which each has stopped


@dataclass(frozen=True)
class Api:
    """Airflow's REST API."""

    url: str

    def get(self, path: str) -> dict[str, Any]:
        """The answer to a GET; empty where there is none yet."""
        try:
            answer = requests.get(f"{self.url}{path}", headers=self._headers(), timeout=END)
        except requests.ConnectionError:
            return {}
        return answer.json() if answer.ok else {}

    def send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to another method."""
        url = f"{self.url}/api/v2{path}"
        answer = requests.request(method, url, json=body, headers=self._headers(), timeout=END)
        assert answer.ok, answer.text
        return answer.json()

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG."""
        return self.get(f"/api/v2/dags/{dag_id}/dagRuns").get("dag_runs", [])

    def tries(self, dag_id: str, task_id: str) -> dict[str, int]:
        """By run, how often a task was tried."""
        found = self.get(f"/api/v2/dags/{dag_id}/dagRuns/~/taskInstances?limit=100")
        tasks = [each for each in found["task_instances"] if each["task_id"] == task_id]
        return {each["dag_run_id"]: each["try_number"] for each in tasks}

    def health(self) -> set[str]:
        """The components that are well."""
        found = self.get("/api/v2/monitor/health")
        return {name for name, each in found.items() if each["status"] == "healthy"}

    def _headers(self) -> dict[str, str]:
        token = requests.get(f"{self.url}/auth/token", timeout=END).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def services(airflow: Airflow) -> Iterator[Api]:
    """All three while it lasts; each has ended by its SIGTERM after it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = f"{free.getsockname()[1]}"
    url = f"http://127.0.0.1:{port}"
    airflow.settings.update(
        {
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of these three processes, as long as they are up "
            * 2,
            "AIRFLOW__CORE__PARALLELISM": "2",
        }
    )
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, options in COMPONENTS.items():
            given = [*options, port] if name == "api-server" else [*options]
            processes[name] = start(airflow, name, given)
        api = Api(url)
        wait_until(
            lambda: api.health() >= {"metadatabase", "scheduler", "dag_processor"}, None, START
        )
        yield api
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for process in processes.values():
            process.wait(END)
    finally:
        for process in processes.values():
            end(process)


def start(airflow: Airflow, name: str, options: list[str]) -> subprocess.Popen[bytes]:
    """A component, the first of a group of processes of its own."""
    with (airflow.home / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [PYTHON.with_name("airflow"), name, *options],
            env=airflow.env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Whatever is left of its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait(LONG)


def kill_task(airflow: Airflow, command: str) -> None:
    """kill -9 a command of the core, and the task that runs it, as soon as it is there."""
    found: list[int] = []
    wait_until(lambda: found.extend(running(airflow, command)) or found, None, START)
    parent = int(Path(f"/proc/{found[0]}/stat").read_text().rpartition(")")[2].split()[1])
    for process in (parent, found[0]):
        os.kill(process, signal.SIGKILL)


def running(airflow: Airflow, command: str) -> list[int]:
    """The processes that this Airflow has started for a command."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            is_ours = f"AIRFLOW_HOME={airflow.home}".encode() in (folder / "environ").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if is_ours and f"-m {command}" in arguments:
            found.append(int(folder.name))
    return found
