"""Processes that a test runs beside itself: the project's commands, and dbt without them.

They fork from a server that has imported the libraries. A Python of its own spends 1 s on imports,
4 s with dbt, 6 s with Dagster, in which nothing happens that a test could see or kill. That each
command has all its imports is what `run_fresh` is for.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from core.settings import ROOT

END = 600  # seconds in which any command has ended
# A process has one such server: whoever else needs forks takes these.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.helpers.preloaded"])


@dataclass(frozen=True)
class Command:
    """A running command, and the files that it writes its output and its errors to."""

    args: tuple[str, ...]
    process: ForkServerProcess
    out: Path
    errors: Path

    @property
    def returncode(self) -> int | None:
        """The exit status, that of a signal negative; None while it runs."""
        return self.process.exitcode

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        return self.process.exitcode

    def kill(self, after: float = 0) -> bool:
        """kill -9 after so many seconds. False if it had ended by then."""
        self.process.join(after)
        is_running = self.process.exitcode is None
        self.process.kill()
        self.finish()
        return is_running

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end, and remove the files.

        Raises:
            TimeoutExpired: it runs on.
        """
        self.process.join(END)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, END, self.out.read_text())
        said = [file.read_text() for file in (self.out, self.errors)]
        self.out.unlink()
        self.errors.unlink()
        return subprocess.CompletedProcess(self.args, self.process.exitcode, *said)


def start(*arguments: str, **settings: str) -> Command:
    """A Python module of the project, such as `start("transform")`, with settings in its
    environment."""
    files = []
    for name in ("out", "errors"):
        handle, path = tempfile.mkstemp(prefix="command-", suffix=f".{name}")
        os.close(handle)
        files.append(Path(path))
    process = FORKS.Process(target=_run, args=(arguments, os.environ | settings, *files))
    process.start()
    return Command(arguments, process, *files)


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: Path, errors: Path) -> None:
    for descriptor, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
    # Where the tests are a shell's background job, it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [*arguments]
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def start_dbt(*arguments: str) -> Command:
    """dbt as any CI calls it, such as `start_dbt("build")`."""
    location = ("--project-dir", "dbt", "--profiles-dir", "profiles")
    return start("tests.helpers.dbt_cli", *arguments, *location)


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A Python module of the project to its end, such as `run("ingestion", "up")`."""
    return start(*arguments, **settings).finish()


def dbt(*arguments: str) -> subprocess.CompletedProcess[str]:
    """dbt to its end, as any CI calls it."""
    return start_dbt(*arguments).finish()


def run_fresh(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A Python module of the project in a Python of its own, as make starts it."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=END,
    )
