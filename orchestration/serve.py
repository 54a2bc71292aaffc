"""One of Dagster's services by itself: `make code-server`, `make webserver`, `make daemon`; and
what they find in Postgres: `make init`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core.command_line import command, group, run_command
from core.settings import ROOT, read_settings
from orchestration.services.settings import CodeServerSettings, UiSettings
from orchestration.services.supervisor import alone, supervise, told_to_end, wait_for_code_server
from orchestration.services.three import code_server as code_server_service
from orchestration.services.three import daemon as daemon_service
from orchestration.services.three import webserver as webserver_service
from orchestration.settings import DAGSTER_HOME, orchestration_settings

PROG = "python -m orchestration.serve"
WORKSPACE = ROOT / "deploy" / "workspace.yaml"


@command()
def init() -> None:
    """Make the tables of the warehouse and of Dagster's history, and end: an upgrade's first step.

    The history of a DAGSTER_HOME of your own is left to who keeps it.

    \f
    Raises:
        UserError: a setting is wrong, a server is not there, or it has newer tables.
    """
    orchestration_settings()
    from orchestration.home.prepare import prepare_history, prepare_home

    _prepare_warehouse()
    if DAGSTER_HOME.read():
        print("The warehouse has its tables.")
        return
    prepare_home()
    prepare_history()
    print("The warehouse and the history have their tables.")


@command(CodeServerSettings)
def code_server() -> None:
    """Serve the assets, and run what is launched.

    \f
    Raises:
        UserError: a setting is wrong, the port is taken, or it does not start.
    """
    stop = told_to_end()
    _, place = _prepared()
    _prepare_warehouse()
    supervise([code_server_service(place)], stop)


@command(CodeServerSettings, UiSettings)
def webserver() -> None:
    """Serve the UI.

    \f
    Raises:
        UserError: a setting is wrong, the port is taken, or it does not start.
    """
    stop = told_to_end()
    settings = read_settings(UiSettings)
    _, place = _prepared()
    wait_for_code_server(place, stop)
    supervise([webserver_service(WORKSPACE, settings)], stop)


@command(CodeServerSettings)
def daemon() -> None:
    """Let schedules and sensors tick, and start queued runs.

    \f
    Raises:
        UserError: a setting is wrong, another runs on this history, or it does not start.
    """
    stop = told_to_end()
    home, place = _prepared()
    with alone(home):
        wait_for_code_server(place, stop)
        supervise([daemon_service(WORKSPACE)], stop)


def _prepare_warehouse() -> None:
    from core.warehouse.server import warehouse
    from transform.build import prepare_warehouse

    prepare_warehouse(warehouse())


def _prepared() -> tuple[Path, tuple[str, int]]:
    """Dagster's home, and where the code server is: in the environment too, for the workspace."""
    orchestration_settings()
    where = read_settings(CodeServerSettings)
    from orchestration.home.prepare import prepare_home

    os.environ |= {"CODE_SERVER_HOST": where.host, "CODE_SERVER_PORT": f"{where.port}"}
    return prepare_home(), (where.host, where.port)


if __name__ == "__main__":
    commands = (init, code_server, webserver, daemon)
    program = group(PROG, "Dagster's services, each by itself.", *commands)
    sys.exit(run_command(program, prog=PROG))
