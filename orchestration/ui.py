"""`make ui`: Dagster's UI and daemon on loopback, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from ingestion.cli import run_command
from ingestion.demo import demo_source
from ingestion.ledger import create_landing
from ingestion.settings import ROOT
from ingestion.warehouse import warehouse
from orchestration.instance import prepare_home


def serve() -> None:
    """Run `dagster dev` with the warehouse's environment."""
    with demo_source():
        with closing(warehouse().connect()) as db:
            create_landing(db)
        prepare_home()
        port = os.environ.get("UI_PORT") or "3000"
        print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C stops it)", flush=True)
        subprocess.run(
            [
                Path(sys.executable).with_name("dagster"),
                *("dev", "--module-name", "orchestration.definitions"),
                *("--host", "127.0.0.1", "--port", port),
            ],
            cwd=ROOT,
            check=False,
        )


if __name__ == "__main__":
    sys.exit(run_command(serve))
