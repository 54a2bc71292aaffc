"""`make bench SCALE=small|medium|large`: every benchmark, one after the other, and a summary."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

from rich.console import Console

from benchmarks.measure import RESULTS, Ratio, machine, ratios_table, read_reports
from benchmarks.settings import BenchmarkSettings
from core.errors import UserError
from core.settings import ROOT, read_settings

# What each is run with: settings and arguments. The targets are those of the large scale.
SCALES = {
    "small": {
        "startup": "",
        "ingest": "ROWS=200000",
        "transform": "300000",
        "history": "30 180",
        "backfill": "REPEATS=1 1000 14",
        "orchestration": "REPEATS=1",
        "scaling": "REPEATS=1 1000 100000",
        "compare": "REPEATS=1 300000",
    },
    "medium": {
        "startup": "",
        "ingest": "MEMORY=5",
        "transform": "1500000",
        "history": "30 365 1000",
        "backfill": "REPEATS=1 10000",
        "orchestration": "",
        "scaling": "1000 10000 100000",
        "compare": "2000000",
    },
    "large": {
        "startup": "REPEATS=7",
        "ingest": "MEMORY=10",
        "transform": "5000000",
        "history": "REPEATS=5 30 365 1000",
        "backfill": "30000",
        "orchestration": "REPEATS=5",
        "scaling": "1000 10000 100000 1000000",
        "compare": "10000000",
        "end_to_end": "20000000",
    },
}


def main() -> None:
    """Run them; each prints its tables. One that fails does not keep the others from running.

    Raises:
        UserError: SCALE is unknown, or a benchmark failed.
    """
    scale = read_settings(BenchmarkSettings).scale
    started, failed = datetime.now(UTC).replace(microsecond=0), []
    for name, words in SCALES[scale].items():
        settings = dict(word.split("=") for word in words.split() if "=" in word)
        arguments = [word for word in words.split() if "=" not in word]
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        if subprocess.run(command, cwd=ROOT, env=os.environ | settings).returncode:
            failed.append(name)
    # Reports of this run only: others may be of another commit.
    ratios = [
        Ratio(**ratio)
        for report in read_reports(RESULTS).values()
        if datetime.fromisoformat(report["at"]) >= started
        for ratio in report["ratios"]
        if ratio["target"]
    ]
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    Console().print(ratios_table(f"make bench SCALE={scale}: {about}", ratios))
    if failed:
        raise UserError(f"SCALE={scale}: failed, see above: {', '.join(failed)}")


if __name__ == "__main__":
    from core.command_line import run_command

    sys.exit(run_command(main))
