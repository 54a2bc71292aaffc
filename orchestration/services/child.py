"""One service as a process that ends with who started it: `python -m orchestration.services.child`.

Its standard input is a pipe that the starter holds open, and never writes to. It ends when that is
closed: also where the starter was killed, and could tell nobody.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib.metadata import entry_points

GRACE = 6.0  # seconds from being asked to end to being killed, with all that it has started


def main() -> None:
    """Run the service that the first argument names, with the others as its own."""
    _, name, *arguments = sys.argv
    # Who looks at Postgres' sessions sees whose they are.
    os.environ.setdefault("PGAPPNAME", f"fact-events {name}")
    # A backfill waits for a code server that is away: it would fail for want of its assets.
    os.environ.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")
    threading.Thread(target=_end_with_starter, daemon=True).start()
    sys.argv = [name, *arguments]
    _service(name)()


def _service(name: str) -> Callable[[], object]:
    """What runs a service: the guarded web server, or a console script of Dagster."""
    if name == "webserver":
        from orchestration.services.webserver import main as webserver

        return webserver
    [script] = entry_points(group="console_scripts", name=name)
    loaded: Callable[[], object] = script.load()
    return loaded


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    # Dagster takes both for an interrupt. The runs that the code server has started are in its
    # process group: they are told too, and record it.
    os.killpg(0, signal.SIGTERM)
    threading.main_thread().join(GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
