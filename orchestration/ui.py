"""`make ui`: Dagster's UI and daemon on loopback, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from threading import Event

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
    from orchestration.services.supervisor import services, supervise
    from transform.build import prepare_warehouse

    stop = Event()
    # Also where a shell's background job ignores SIGINT.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda *_: stop.set())
    with demo_source():
        prepare_warehouse(warehouse())
        home = prepare_home()
        kept = services(home, settings.port, settings.read_only)
        supervise(kept, home, settings.port, stop)


if __name__ == "__main__":
    sys.exit(run_command(ui, prog="python -m orchestration.ui"))
