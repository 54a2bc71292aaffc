"""Services side by side: started in order, started again when they die, ended together."""

from __future__ import annotations

import fcntl
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from core.errors import UserError
from core.scratch import locked
from orchestration.services.service import Service, answers

READY = 120.0  # seconds in which a service answers, also on a busy machine
TICK = 0.2  # seconds between two looks at whether all live


def told_to_end() -> Event:
    """What is set when this process is told to end: by Ctrl-C, by SIGTERM, by its terminal."""
    stop = Event()
    # Also where a shell's background job ignores SIGINT.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda *_: stop.set())
    return stop


def supervise(kept: Sequence[Service], stop: Event) -> None:
    """Run services until `stop` is set. They end with this process, however that ends.

    Args:
        kept: one is started when those before it answer.
        stop: set by whoever ends this.

    Raises:
        UserError: a port is taken, or a service ends before it has answered once.
    """
    for service in kept:
        service.require_free()
    print("Dagster starts, some 15 s ...", file=sys.stderr, flush=True)
    try:
        for service in kept:
            service.start()
            _wait(service, stop)
            if service.says and not stop.is_set():
                print(f"{service.says} (Ctrl-C stops it)", flush=True)
        while not stop.wait(TICK):
            for service in kept:
                service.keep_alive()
    finally:
        for service in kept:
            service.ask_to_end()
        for service in kept:
            service.end()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Nobody else runs on this home: two daemons on one history launch everything twice.

    Raises:
        UserError: others do.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(home, fcntl.LOCK_NB))
        except BlockingIOError:
            said = "make ui runs there already, or make daemon"
            raise UserError(f"DAGSTER_HOME={home}: {said}") from None
        yield


def wait_for_code_server(place: tuple[str, int], stop: Event) -> None:
    """Until it answers: who starts before it says of each asset that it is not there.

    Raises:
        UserError: it takes too long.
    """
    deadline = time.monotonic() + READY
    while not answers(place) and not stop.wait(TICK):
        if time.monotonic() > deadline:
            host, port = place
            raise UserError(
                f"CODE_SERVER_HOST={host} CODE_SERVER_PORT={port} does not answer after "
                f"{READY:.0f} s: make code-server"
            )


def _wait(service: Service, stop: Event) -> None:
    """Until a service answers, or shall stop.

    Raises:
        UserError: it has ended, or it takes too long.
    """
    deadline = time.monotonic() + READY
    while not service.is_ready and not stop.wait(TICK):
        if service.exit_status is not None:
            raise UserError(
                f"{service.name} has ended with status {service.exit_status}, see above"
            )
        if time.monotonic() > deadline:
            raise UserError(f"{service.name} does not answer after {READY:.0f} s")
