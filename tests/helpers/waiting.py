"""Waiting for something to become so: never without a deadline."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from tests.helpers.processes import Command

LONG = 120  # seconds in which any process of a test has ended, also on a busy machine


def wait_until(
    reached: Callable[[], object],
    process: subprocess.Popen[str] | Command | None = None,
    seconds: int = LONG,
    pause: float = 0.01,
) -> None:
    """Look again and again until it is so.

    Args:
        reached: whether it is.
        process: what is to bring it about.
        seconds: the deadline.
        pause: seconds between two looks; longer where a look costs whom it looks at.

    Raises:
        AssertionError: the time is over, or the process that was to bring it about has ended.
    """
    deadline = time.monotonic() + seconds
    while not reached():
        ended = process is not None and process.poll() is not None
        assert not ended, f"{process.args} ended with {process.returncode} before its moment came"
        assert time.monotonic() < deadline, f"not reached in {seconds} s"
        time.sleep(pause)
