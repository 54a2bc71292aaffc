"""`make bench SCALE=small|medium|large`: every benchmark, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys

from ingestion.errors import UserError
from ingestion.settings import ROOT

# What each is run with: rows, or days of history.
SCALES = {
    "small": {"ingest": "200000", "transform": "300000", "history": "30 300", "backfill": "1000"},
    "medium": {
        "ingest": "1000000",
        "transform": "1500000",
        "history": "30 365 1000",
        "backfill": "10000",
    },
    "large": {
        "ingest": "1000000",
        "transform": "5000000",
        "history": "30 365 1000",
        "backfill": "30000",
    },
}


def main() -> None:
    """Run them; each prints its tables.

    Raises:
        UserError: SCALE is unknown.
    """
    scale = os.environ.get("SCALE") or "small"
    if scale not in SCALES:
        raise UserError(f"SCALE={scale!r} is unknown: use one of {', '.join(SCALES)}")
    for name, arguments in {**SCALES[scale], "orchestration": ""}.items():
        settings = {"ROWS": arguments} if name == "ingest" else {}
        settings |= {"MEMORY": "10"} if name == "ingest" and scale == "large" else {}
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        command += [] if name == "ingest" else arguments.split()
        subprocess.run(command, cwd=ROOT, check=True, env=os.environ | settings)


if __name__ == "__main__":
    from ingestion.cli import run_command

    sys.exit(run_command(main))
