"""Commands as a user starts them: how long they take, and how much memory at most."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from core.errors import UserError
from core.settings import ROOT

LOOK_EVERY = 0.02  # seconds


@dataclass(frozen=True)
class Cost:
    """Seconds, and the peak resident megabytes of a process and its children together."""

    seconds: float
    megabytes: float


def run(*command: str, quiet: bool = True, **settings: str) -> Cost:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        quiet: show its output only where it fails.
        settings: environment variables that it has beside this process's.

    Raises:
        UserError: it failed.
    """
    with TemporaryFile("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | settings,
            stdout=log if quiet else None,
            stderr=log if quiet else None,
        )
        peak = 0
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(LOOK_EVERY):
                peak = max(peak, resident(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait()
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
        if status:
            log.seek(0)
            print(log.read(), file=sys.stderr)
            raise UserError(f"{' '.join(command)}: exit status {status}")
    return Cost(seconds, peak / 1024)


@contextmanager
def kept(*command: str) -> Iterator[Callable[[], None]]:
    """A process that stays, and does its work once for each line that it reads.

    Args:
        command: the program and its arguments; it writes the line `done` when it has.

    Yields:
        What has it done once; UserError where it writes another line, or ends.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as worker:

        def once() -> None:
            print(file=worker.stdin, flush=True)
            said = worker.stdout.readline().strip() if worker.stdout else ""
            if said != "done":
                raise UserError(f"{' '.join(command)}: {said or 'ended'}")

        yield once


def resident(pid: int) -> int:
    """Resident kilobytes of a process and its children; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [
            child for thread in threads for child in (thread / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    own = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    return sum(own) + sum(resident(int(child)) for child in children)
