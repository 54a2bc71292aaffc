"""`make ui` as a process of its own, and what one asks it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from core.settings import ROOT
from tests.helpers.waiting import LONG, wait_until

LAUNCH = """mutation Launch($params: ExecutionParams!) {
    launchRun(executionParams: $params) {
        __typename
        ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
        ... on RunConfigValidationInvalid { errors { message } }
    }
}"""
SELECTOR = {
    "repositoryLocationName": "fact-events",
    "repositoryName": "__repository__",
    "pipelineName": "pull",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def launch(day: str, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """GraphQL's request to launch a run of the job `pull`."""
    params = {
        "selector": SELECTOR,
        "mode": "default",
        "runConfigData": config or {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }
    return {"query": LAUNCH, "variables": {"params": params}}


def ask(url: str, request: dict[str, Any] | str, **headers: str) -> dict[str, Any]:
    """What GraphQL answers to a request, or to a query."""
    body = {"query": request} if isinstance(request, str) else request
    answer = requests.post(f"{url}/graphql", json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    assert "errors" not in answer.json(), answer.json()["errors"]
    return dict(answer.json()["data"])


def runs(url: str) -> list[dict[str, Any]]:
    found = ask(url, "{ runsOrError { ... on Runs { results { runId parentRunId status } } } }")
    return list(found["runsOrError"]["results"])


@contextmanager
def serving(log: Path, **settings: str) -> Iterator[psutil.Process]:
    """`make ui` while the body runs, from its first answer on."""
    command = [sys.executable, "-m", "orchestration.ui"]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, env=os.environ | settings
        ) as process,
    ):
        try:
            wait_until(lambda: "Dagster UI: " in log.read_text(), process)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(LONG)


def service(ui: psutil.Process, name: str) -> psutil.Process | None:
    """The process of a service that `make ui` has started; None while there is none."""
    for child in ui.children():
        try:
            if name in child.cmdline():
                return child
        except psutil.NoSuchProcess:  # it has ended meanwhile
            continue
    return None
