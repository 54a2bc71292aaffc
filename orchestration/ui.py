"""`make ui`: Dagster's UI and daemon on loopback, until Ctrl-C."""

from __future__ import annotations

import sys

from core.command_line import command, run_command
from core.settings import read_settings
from orchestration.services.settings import UiSettings
from orchestration.settings import orchestration_settings


@command(UiSettings)
def ui() -> None:
    """Serve Dagster's UI, with the warehouse's environment.

    \f
    Raises:
        UserError: a setting is wrong, the port is taken, or a service does not start.
    """
    orchestration_settings()
    settings = read_settings(UiSettings)
    from core.warehouse.server import warehouse
    from ingestion.demo_source import demo_source
    from orchestration.home.prepare import prepare_home
    from orchestration.services.supervisor import alone, supervise, told_to_end
    from orchestration.services.three import code_server, daemon, local_workspace, webserver
    from transform.build import prepare_warehouse

    stop = told_to_end()
    with demo_source():
        prepare_warehouse(warehouse())
        home = prepare_home()
        workspace, socket = local_workspace(home)
        web = webserver(workspace, settings)
        web.require_free()
        with alone(home):
            supervise([code_server(socket), daemon(workspace), web], stop)


if __name__ == "__main__":
    sys.exit(run_command(ui, prog="python -m orchestration.ui"))
