"""Working files: of dlt, fetched from an API or a bucket, unpacked.

They lie under LOCAL_DIR, not in the system's temporary folder, which may be memory and knows no
owner: a process that was killed leaves gigabytes there for ever.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from core.settings import local_dir


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A fresh directory for as long as the body runs; what killed processes left is removed.

    Its lock says that it is in use. A process id would not: another process may have got it, and
    a container sees only its own.
    """
    parent = local_dir() / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as in_use:
        with locked(parent):  # nobody looks between the making of a directory and its lock
            _remove_left(parent)
            directory = Path(tempfile.mkdtemp(dir=parent))
            in_use.enter_context(locked(directory))
        in_use.callback(shutil.rmtree, directory, ignore_errors=True)
        yield directory


def remove_left_scratch() -> None:
    """Remove the working files that killed processes left: they hold what was being landed."""
    parent = local_dir() / "scratch"
    if parent.exists():
        with locked(parent):
            _remove_left(parent)


def _remove_left(parent: Path) -> None:
    for directory in parent.iterdir():
        try:
            with locked(directory, fcntl.LOCK_NB):
                shutil.rmtree(directory, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError, PermissionError):
            pass  # in use; its owner has just removed it; another user's


@contextmanager
def locked(directory: Path, how: int = 0) -> Iterator[None]:
    """Nobody else has the lock of a directory while the body runs.

    Args:
        directory: any that is there.
        how: `fcntl.LOCK_NB` asks for it once.

    Raises:
        BlockingIOError: somebody has it, and it was asked for once.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)
