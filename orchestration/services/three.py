"""The three services, and what each is told: the code server, the web server and the daemon."""

from __future__ import annotations

import json
from pathlib import Path

from orchestration.home.settings import CONNECTIONS
from orchestration.services.service import Place, Service

LOCATION = "fact-events"


def local_workspace(home: Path) -> tuple[Path, str]:
    """A file that says where the code server is: on a socket of this user's, in Dagster's home.

    Returns it, and the socket; the path of one has 107 bytes at most.
    """
    code = f"{home / 'code.sock'}"
    workspace = home / "workspace.yaml"
    server = {"socket": code, "location_name": LOCATION}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))  # YAML too
    return workspace, code


def code_server(listens: Place) -> Service:
    """What has the assets, and starts runs."""
    if isinstance(listens, str):
        where = ["--socket", listens]
    else:
        where = ["--host", listens[0], "--port", f"{listens[1]}"]
    module = ["--module-name", "orchestration.definitions", "--location-name", LOCATION]
    arguments = ["code-server", "start", *where, *module, "--log-level", "warning"]
    says = "" if isinstance(listens, str) else f"Code server: {listens[0]}:{listens[1]}"
    return Service("dagster", arguments, listens, "CODE_SERVER_PORT", says)


def webserver(workspace: Path, port: int, read_only: bool) -> Service:
    """The UI, behind the guard, on loopback.

    Args:
        workspace: the file that says where the code server is.
        port: where to listen.
        read_only: whether changes are refused.
    """
    arguments = ["--workspace", f"{workspace}", "--host", "127.0.0.1", "--port", f"{port}"]
    arguments += ["--dagster-log-level", "warning"]
    arguments += ["--db-pool-max-overflow", f"{CONNECTIONS - 1}"]
    if read_only:
        arguments.append("--read-only")
    says = f"Dagster UI: http://127.0.0.1:{port}"
    return Service("webserver", arguments, ("127.0.0.1", port), "UI_PORT", says)


def daemon(workspace: Path) -> Service:
    """What lets schedules and sensors tick, and starts queued runs."""
    where = ["--workspace", f"{workspace}"]
    return Service("dagster-daemon", ["run", *where, "--log-level", "warning"])
