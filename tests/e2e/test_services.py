"""`make ui`: three services that live and end together, and answer nobody else's pages."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest
import requests

from core.settings import ROOT
from core.warehouse.embedded import stop_embedded
from ingestion.demo.server import running
from tests.conftest import empty_warehouse
from tests.helpers.pipeline import query
from tests.helpers.ui import ask, free_port, launch, runs, service, serving
from tests.helpers.waiting import LONG, wait_until

DAY = "2026-03-01"
SERVICES = ("dagster", "webserver", "dagster-daemon")
LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"


@pytest.fixture(scope="module")
def settings(server, history_dir, tmp_path_factory) -> Iterator[dict[str, str]]:
    """An empty warehouse, a history, and an API."""
    with empty_warehouse(server, "services") as found, running() as api:
        yield found.libpq_env() | {
            "LOCAL_DIR": str(history_dir),
            "ENV_FILE": os.devnull,
            "EVENTS_URL": api.url,
            "EVENTS_API_TOKEN": api.token,
            "UI_PORT": f"{free_port()}",
            "STORAGE_URL": str(tmp_path_factory.mktemp("storage")),
            "PARTITIONS_START": DAY,
            "UI_USER_HEADER": "X-Forwarded-User",
        }


@pytest.fixture(scope="module")
def url(settings) -> str:
    return f"http://127.0.0.1:{settings['UI_PORT']}"


@pytest.fixture(scope="module")
def ui(settings, url, tmp_path_factory) -> Iterator[psutil.Process]:
    with serving(tmp_path_factory.mktemp("ui") / "log", **settings) as process:
        yield process


@contextmanager
def page(text: str) -> Iterator[str]:
    """A page of another site; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://localhost:{site.server_address[1]}/"
        site.shutdown()


HOSTILE = """<script>
const launch = %(launch)s, graphql = "%(url)s/graphql";
async function tried(name, attempt) {
    try { const answer = await attempt(); return [name, answer.type, answer.status]; }
    catch (error) { return [name, "refused", 0]; }
}
const post = (type, mode) => fetch(graphql, {
    method: "POST", mode, headers: {"Content-Type": type}, body: JSON.stringify(launch)});
const ask = "?query=" + encodeURIComponent(launch.query)
    + "&variables=" + encodeURIComponent(JSON.stringify(launch.variables));
const talk = () => new Promise((resolve, reject) => {
    const socket = new WebSocket(graphql.replace("http", "ws"), "graphql-ws");
    socket.onopen = () => resolve({type: "open", status: 101});
    socket.onerror = reject;
});
Promise.all([
    tried("text", () => post("text/plain", "no-cors")),
    tried("json", () => post("application/json", "cors")),
    tried("get", () => fetch(graphql + ask, {mode: "no-cors"})),
    tried("report", () => fetch("%(url)s/report_asset_materialization/raw/events",
        {method: "POST", mode: "no-cors"})),
    tried("socket", talk),
]).then(found => { window.found = found; });
</script>
<form method="post" enctype="text/plain" action="%(url)s/graphql">
<input name='%(form)s' value='"}'></form>"""


def test_a_page_of_another_site_launches_nothing(ui, url, browser):
    before = runs(url)
    request = launch(DAY)
    form = json.dumps(request)[:-1] + ', "x": "'
    text = HOSTILE % {"launch": json.dumps(request), "url": url, "form": form}
    with page(text) as site:
        visited = browser.new_page()
        visited.goto(site)
        visited.wait_for_function("window.found", timeout=30_000)
        found = {name: kind for name, kind, _ in visited.evaluate("window.found")}
        assert found["json"] == found["socket"] == "refused"
        with visited.expect_navigation():
            visited.evaluate("document.forms[0].submit()")
        assert "Origin" in visited.content()
        visited.close()
    assert runs(url) == before
    asset = 'assetOrError(assetKey: {path: ["raw", "events"]})'
    told = "... on Asset { assetMaterializations(limit: 1) { runId } }"
    assert ask(url, f"{{ {asset} {{ {told} }} }}")["assetOrError"] in (
        {},
        {"assetMaterializations": []},
    )


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/server_info", {"Host": "evil.example"}, 403),
        ("POST", "/graphql", {"Host": "evil.example:80"}, 403),
        ("GET", "/graphql?query=%7Bversion%7D", {}, 405),
        ("POST", "/graphql", {"Content-Type": "text/plain"}, 415),
        ("POST", "/graphql", {"Origin": "null"}, 403),
        ("POST", "/graphql", {"Origin": "http://127.0.0.1:1"}, 403),
        ("POST", "/graphql", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", "/runs", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", "/runs", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("POST", "/graphql", {}, 200),
    ],
)
def test_what_is_asked_from_elsewhere_is_refused(ui, url, method, path, headers, status):
    sent = {"Content-Type": "application/json"} | headers
    body = json.dumps({"query": "{ version }"}) if method == "POST" else None
    answer = requests.request(method, url + path, data=body, headers=sent, timeout=60)
    assert answer.status_code == status, answer.text


def test_no_run_says_where_a_secret_goes(ui, url):
    """The endpoint and its token are one setting, which a run cannot take apart."""
    elsewhere = {"events_url": "http://127.0.0.1:1", "events_api_token": {"env": "PGPASSWORD"}}
    before = runs(url)
    for resource, config in (("events", elsewhere), ("warehouse", {"host": "127.0.0.1"})):
        asked = launch(DAY, {"resources": {resource: {"config": config}}})
        assert ask(url, asked)["launchRun"]["__typename"] == "RunConfigValidationInvalid"
    assert runs(url) == before


def test_who_launches_is_noted(ui, url):
    asked = ask(url, launch(DAY), **{"X-Forwarded-User": "ada@example.com"})
    run = asked["launchRun"]["run"]["runId"]
    wanted = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status tags {{ key value }} }} }} }}'
    tags = {tag["key"]: tag["value"] for tag in ask(url, wanted)["runOrError"]["tags"]}
    assert tags["launched_by"] == "ada@example.com"
    wait_until(lambda: ask(url, wanted)["runOrError"]["status"] == "SUCCESS")


SESSIONS = """select application_name from pg_stat_activity
    where backend_type = 'client backend' and datname in ('dagster', 'services')"""
TICKS = "select count(*) from job_ticks where status <> 'STARTED'"


def test_idle_services_hold_few_connections(ui, url, server):
    """While sensors look again and again, and somebody has looked at the UI."""
    history = replace(server, database="dagster")
    ask(url, LOADED)
    runs(url)
    held: list[list[str]] = []

    def has_ticked(times: int) -> bool:
        held.append([name for (name,) in query(history, SESSIONS)])
        return bool(query(history, TICKS)[0][0] >= times)

    wait_until(lambda: has_ticked(20), seconds=180)
    held.clear()
    wait_until(lambda: has_ticked(35), seconds=180)  # a minute
    most = max(held, key=len)
    assert len(most) <= 15, most
    assert {"fact-events webserver", "fact-events dagster-daemon"} <= {*most}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_dies_is_started_again(ui, url, name):
    dead = service(ui, name)
    assert dead
    for process in [*dead.children(recursive=True), dead]:
        process.kill()
    wait_until(lambda: service(ui, name) not in (None, dead))

    def answers() -> bool:
        try:
            return bool(ask(url, LOADED)["repositoriesOrError"]["nodes"])
        except requests.RequestException:
            return False

    wait_until(answers)


def test_what_cannot_start_is_one_line(ui, settings):
    port, home = settings["UI_PORT"], settings["LOCAL_DIR"]
    for other, expected in (
        ({}, f"error: UI_PORT={port} cannot be listened on (Address already in use)"),
        (
            {"UI_PORT": f"{free_port()}"},
            f"error: DAGSTER_HOME={home}/dagster: make ui runs there already",
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.ui"],
            cwd=ROOT,
            env=os.environ | settings | other,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 2
        [said] = done.stderr.splitlines()
        assert said.startswith(expected)


@pytest.fixture(scope="module")
def another(settings) -> Iterator[dict[str, str]]:
    """Another history on the same warehouse."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        yield settings | {"UI_PORT": f"{free_port()}", "LOCAL_DIR": folder}
        patch.setenv("LOCAL_DIR", folder)
        stop_embedded()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_services_end_with_who_started_them(another, tmp_path, by):
    with serving(tmp_path / "log", **another) as ui:
        started = ui.children(recursive=True)
        assert len(started) >= len(SERVICES)
        asked_at = time.monotonic()
        ui.send_signal(by)
        _, alive = psutil.wait_procs(started, timeout=30)
        assert not alive
        assert time.monotonic() - asked_at < 10


@pytest.mark.parametrize(("how", "date"), [("kill", "2026-03-02"), ("terminate", "2026-03-03")])
def test_a_run_whose_process_ends_is_failed_and_tried_again(another, tmp_path, how, date):
    """Everything is killed at once, as by a power cut, or told to end, as by a machine that goes
    down, while a run pulls from an API that hangs."""
    url = f"http://127.0.0.1:{another['UI_PORT']}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(LONG)
        hangs = another | {"EVENTS_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with serving(tmp_path / "log", **hangs) as ui:
            run = ask(url, launch(date))["launchRun"]["run"]["runId"]
            with silent.accept()[0]:
                killed = ui.children(recursive=True)
                for process in [ui, *killed]:
                    with suppress(psutil.NoSuchProcess):  # it has ended with the first of them
                        getattr(process, how)()
                psutil.wait_procs(killed, timeout=30)
    with serving(tmp_path / "again", **another):
        if how == "kill":
            assert status(url, run) == "STARTED"
        wait_until(lambda: status(url, run) == "FAILURE", seconds=180)
        wait_until(lambda: [each for each in runs(url) if is_retry(each, run)], seconds=180)


def status(url: str, run: str) -> str:
    return str({each["runId"]: each["status"] for each in runs(url)}[run])


def is_retry(each: dict[str, Any], of: str) -> bool:
    return each["status"] == "SUCCESS" and each["parentRunId"] == of
