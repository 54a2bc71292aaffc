"""The pid file of a Postgres: does the process that it names run that data directory?"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

# No process can have it: Linux ends at 2**22, macOS at 99,999.
_NOBODY = 2**31 - 1
# The file's start time is rounded to seconds; the clock may have been set a little since.
_CLOCK_SECONDS = 60


def pid_file(data: Path) -> Path:
    """Where a Postgres notes its process, start time and data directory."""
    return data / "postmaster.pid"


def runs(data: Path) -> bool:
    """Whether a Postgres runs a data directory, by its pid file.

    After a crash or a reboot the number there may be another process's. The wheel takes that one
    for the server: it would wait for it, and stop it; Postgres itself would not start. So the file
    and that of the socket then name nobody. They stay: by the memory segment that is noted there
    Postgres finds whether processes of the server before are still at the data.

    Args:
        data: the data directory.
    """
    try:
        lines = pid_file(data).read_text().splitlines()
        pid, started, *_ = int(lines[0]), int(lines[2]), lines[4]
    except (FileNotFoundError, ValueError, IndexError):  # not there, or being written
        return False
    psutil = import_module("psutil")  # of the wheel
    try:
        process = psutil.Process(pid)
        if _is_postmaster(process, started, [lines[1], str(data)]):
            return True
    except psutil.NoSuchProcess:  # a zombie is one of these
        return False
    for file in (pid_file(data), Path(lines[4]) / f".s.PGSQL.{lines[3]}.lock"):
        if file.exists():
            # In place: where this is root, the file is of another account.
            file.write_text(file.read_text().replace(f"{pid}\n", f"{_NOBODY}\n", 1))
    return False


def _is_postmaster(process: Any, started: int, places: list[str]) -> bool:
    """Whether a process is the server of a data directory, by its command line; where it has none,
    by when it started. Any: psutil has no types."""
    # None where it is hidden, of another account; empty where it is just ending.
    command = process.as_dict(["cmdline"])["cmdline"]
    if not command:
        return bool(abs(process.create_time() - started) < _CLOCK_SECONDS)
    return any(place in command for place in places)
