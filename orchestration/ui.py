"""`make ui`: Dagster's UI and daemon on loopback, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

from alerts.settings import UI_PORT
from core.command_line import command, run_command
from core.settings import ROOT


@command(UI_PORT)
def ui() -> None:
    """Serve Dagster's UI, with the warehouse's environment."""
    port = UI_PORT.read()
    from core.warehouse.server import warehouse
    from ingestion.demo_source import demo_source
    from orchestration.home.prepare import prepare_home
    from transform.build import prepare_warehouse

    with demo_source():
        prepare_warehouse(warehouse())
        prepare_home()
        print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C stops it)", flush=True)
        # By -m, so that it and its services import from here what dagster.yaml names.
        dagster_dev = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1"]
        arguments = ["--port", f"{port}", "--module-name", "orchestration.definitions"]
        # A shell's background job ignores SIGINT, and so would Dagster: it could not be stopped.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with subprocess.Popen([*dagster_dev, *arguments], cwd=ROOT) as dagster:
            # Its services must not outlive this process, however that is asked to stop.
            signal.signal(signal.SIGTERM, lambda *_: dagster.send_signal(signal.SIGINT))
            dagster.wait()


if __name__ == "__main__":
    sys.exit(run_command(ui, prog="python -m orchestration.ui"))
