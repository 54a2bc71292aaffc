"""Commands of the project in processes of their own, to run at once and to kill.

They fork from a server that has imported the libraries: a Python of its own would spend three
seconds on imports, in which a kill hits nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["dbt.cli.main", "dbt.adapters.postgres", "dlt.destinations", "duckdb", "ingestion.ingest"]
)


@dataclass(frozen=True)
class Command:
    """A running command."""

    process: ForkServerProcess
    log: Path

    def wait(self) -> None:
        """Wait for it to end well."""
        self.process.join(300)
        assert self.process.exitcode == 0, self.log.read_text()

    def end(self) -> None:
        """Wait for it to end, however."""
        self.process.join(300)
        assert self.process.exitcode is not None, self.log.read_text()

    def kill(self, after: float) -> bool:
        """kill -9 after so many seconds. False if it had ended by then."""
        self.process.join(after)
        alive = self.process.exitcode is None
        self.process.kill()
        self.end()
        return alive


def start(module: str, *arguments: str, **settings: str) -> Command:
    """`python -m module arguments`, with settings in the environment."""
    handle, log = tempfile.mkstemp(prefix="proof-", suffix=".log")
    os.close(handle)
    process = _forks.Process(
        target=_run, args=([module, *arguments], os.environ | settings, Path(log))
    )
    process.start()
    return Command(process, Path(log))


def _run(argv: list[str], environment: dict[str, str], log: Path) -> None:
    output = os.open(log, os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = argv
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
