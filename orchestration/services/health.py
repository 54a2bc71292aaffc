"""Whether a service does what it is for: `python -m orchestration.services.health [NAME]`.

Status 1 where it does not. Without a name it is the service that is the container's first process;
where that is none, status 0: a command that ends needs no watching. Asked every minute, so little
is imported.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException
from importlib.metadata import entry_points
from pathlib import Path

from core.command_line import command, run_command
from core.settings import read_settings
from orchestration.services.service import answers
from orchestration.services.settings import CodeServerSettings, UiSettings

NAMES = ("code-server", "daemon", "webserver")
FIRST = Path("/proc/1/cmdline")
SECONDS = 10.0  # in which a service answers, also on a busy machine


def main(name: str) -> int:
    """0 where a service answers, or none is named; else 1."""
    return 0 if not name or _ASKED[name]() else 1


def name_of(cmdline: bytes) -> str:
    """Which service a process is, by its arguments; "" where it is none."""
    arguments = cmdline.decode(errors="replace").split("\0")
    is_service = "orchestration.serve" in arguments
    return next((each for each in arguments if is_service and each in NAMES), "")


def _code_server() -> bool:
    where = read_settings(CodeServerSettings)
    return answers((where.host, where.port))


def _webserver() -> bool:
    """Whether it answers at all: also that it does not know us is an answer of its guard's."""
    where = read_settings(UiSettings)
    connection = HTTPConnection(where.host, where.port, timeout=SECONDS)
    try:
        connection.request("GET", "/server_info", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _daemon() -> bool:
    """Whether each of its loops has run lately, by the history: Dagster ends this process."""
    from orchestration.home.prepare import prepare_home

    prepare_home()
    [script] = entry_points(group="console_scripts", name="dagster-daemon")
    sys.argv = ["dagster-daemon", "liveness-check"]
    script.load()()
    return True


_ASKED = {"code-server": _code_server, "webserver": _webserver, "daemon": _daemon}


@command()
def health() -> int:
    """Say by the status whether this container's service does what it is for."""
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    return main(named or name_of(FIRST.read_bytes()))


if __name__ == "__main__":
    sys.exit(run_command(health, arguments=[], prog="python -m orchestration.services.health"))
