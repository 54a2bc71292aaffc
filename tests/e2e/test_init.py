"""`make init` and the health check of services, on a server that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from core.settings import ROOT
from orchestration.services.health import name_of
from tests.conftest import administer, copied
from tests.helpers.pipeline import query
from tests.helpers.servers import serving
from tests.helpers.ui import free_port


@pytest.fixture(scope="module")
def settings(server, tmp_path_factory) -> Iterator[dict[str, str]]:
    """Two empty databases, and ports at which nobody listens."""
    with copied(server, "init", "template1") as found:
        administer(server, "create database {}", "init_history")
        yield found.libpq_env() | {
            "DAGSTER_HISTORY_URL": replace(server, database="init_history").url(),
            "LOCAL_DIR": str(tmp_path_factory.mktemp("local")),
            "ENV_FILE": os.devnull,
            "UI_PORT": f"{free_port()}",
            "CODE_SERVER_PORT": f"{free_port()}",
        }
        administer(server, "drop database {} with (force)", "init_history")


def run(module: str, *arguments: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_init_makes_both_and_again_changes_nothing(settings, server):
    history, warehouse = (
        replace(server, database=name) for name in ("init_history", settings["PGDATABASE"])
    )
    for _ in range(2):
        done = run("orchestration.serve", "init", settings=settings)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "The warehouse and the history have their tables.\n"
        assert query(history, "select count(*) from runs") == [(0,)]
        assert query(warehouse, "select count(*) from raw.events") == [(0,)]
    # No daemon has ever left a sign of life there.
    done = run("orchestration.services.health", "daemon", settings=settings)
    assert done.returncode == 1
    assert "not running" in done.stdout


@pytest.mark.parametrize("name", ["code-server", "webserver"])
def test_a_service_that_does_not_answer_is_not_healthy(settings, name):
    done = run("orchestration.services.health", name, settings=settings)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (401, 0), (500, 1)])
def test_a_web_server_is_healthy_where_it_answers(settings, status, expected):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/server_info" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    with serving(server):
        given = settings | {"UI_PORT": f"{server.server_port}"}
        done = run("orchestration.services.health", "webserver", settings=given)
    assert done.returncode == expected


@pytest.mark.parametrize(
    ("cmdline", "name"),
    [
        ("python\0-m\0orchestration.serve\0daemon\0", "daemon"),
        ("/sbin/docker-init\0--\0python\0-m\0orchestration.serve\0webserver", "webserver"),
        ("python\0-m\0orchestration.serve\0init\0", ""),
        ("python\0-m\0transform\0", ""),
        ("bash\0-c\0daemon", ""),
    ],
)
def test_the_service_is_what_the_first_process_runs(cmdline, name):
    assert name_of(cmdline.encode()) == name
