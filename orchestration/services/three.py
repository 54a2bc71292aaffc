"""The three services, and what each is told: the code server, the web server and the daemon."""

from __future__ import annotations

import json
from pathlib import Path

from core.errors import UserError
from orchestration.home.settings import CONNECTIONS
from orchestration.services.guard import LOOPBACK
from orchestration.services.service import Place, Service
from orchestration.services.settings import UiSettings

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


def webserver(workspace: Path, settings: UiSettings) -> Service:
    """The UI, behind the guard.

    Args:
        workspace: the file that says where the code server is.
        settings: where to listen, and whether changes are refused.

    Raises:
        UserError: others than this machine would reach it, and nobody is asked for a token.
    """
    is_closed = settings.host in LOOPBACK or settings.token or settings.read_only
    if not is_closed:
        raise UserError(
            f"UI_HOST={settings.host} is no loopback, and UI_TOKEN is not set: whoever reaches "
            "it could launch runs (UI_READ_ONLY=1 shows alone)"
        )
    place = (settings.host, settings.port)
    where = ["--host", settings.host, "--port", f"{settings.port}"]
    arguments = ["--workspace", f"{workspace}", *where]
    arguments += ["--dagster-log-level", "warning"]
    arguments += ["--db-pool-max-overflow", f"{CONNECTIONS - 1}"]
    if settings.read_only:
        arguments.append("--read-only")
    says = f"Dagster UI: http://{settings.host}:{settings.port}"
    return Service("webserver", arguments, place, "UI_PORT", says)


def daemon(workspace: Path) -> Service:
    """What lets schedules and sensors tick, and starts queued runs."""
    where = ["--workspace", f"{workspace}"]
    return Service("dagster-daemon", ["run", *where, "--log-level", "warning"])
