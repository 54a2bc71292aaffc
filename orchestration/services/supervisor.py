"""The services side by side: started in order, started again when they die, ended together."""

from __future__ import annotations

import fcntl
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from core.errors import UserError
from core.scratch import locked
from orchestration.services.service import Service

LOCATION = "fact-events"
READY = 120.0  # seconds in which a service answers, also on a busy machine
TICK = 0.2  # seconds between two looks at whether all live
# In Dagster's home:
CODE_SOCKET = "code.sock"  # short: the path of a socket has 107 bytes at most
WORKSPACE = "workspace.yaml"


def services(home: Path, port: int, read_only: bool) -> list[Service]:
    """The three of them, the code server first: the others ask it, over a socket of this user's.

    Args:
        home: Dagster's; the socket and the workspace file are made there.
        port: of the web server, on loopback.
        read_only: whether the web server refuses changes.
    """
    code = f"{home / CODE_SOCKET}"
    workspace = home / WORKSPACE
    server = {"socket": code, "location_name": LOCATION}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))  # YAML too
    module = ["--module-name", "orchestration.definitions", "--location-name", LOCATION]
    quiet = ["--log-level", "warning"]
    where = ["--workspace", f"{workspace}"]
    web = ["--host", "127.0.0.1", "--port", f"{port}", "--dagster-log-level", "warning"]
    return [
        Service("dagster", ["code-server", "start", "--socket", code, *module, *quiet]),
        Service("webserver", [*where, *web, *(["--read-only"] if read_only else [])]),
        Service("dagster-daemon", ["run", *where, *quiet]),
    ]


def supervise(kept: Sequence[Service], home: Path, port: int, stop: Event) -> None:
    """Run the services until `stop` is set. They end with this process, however that ends.

    Args:
        kept: what `services` gave.
        home, port: as given there.
        stop: set by whoever ends this.

    Raises:
        UserError: the port is taken, others run on this history, or a service ends before it has
            answered once.
    """
    _require_free(port)
    with _alone(home):
        _supervise(kept, home, port, stop)


def _supervise(kept: Sequence[Service], home: Path, port: int, stop: Event) -> None:
    print("Dagster starts, some 15 s ...", file=sys.stderr, flush=True)
    code_socket = home / CODE_SOCKET
    code_socket.unlink(missing_ok=True)
    code, web, daemon = kept
    try:
        code.start()
        _wait(code, stop, lambda: _answers(socket.AF_UNIX, f"{code_socket}"))
        web.start()
        daemon.start()
        _wait(web, stop, lambda: _answers(socket.AF_INET, ("127.0.0.1", port)))
        if not stop.is_set():
            print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C stops it)", flush=True)
        while not stop.wait(TICK):
            for service in kept:
                service.keep_alive()
    finally:
        for service in kept:
            service.ask_to_end()
        for service in kept:
            service.end()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Nobody else runs on this home: two daemons on one history launch everything twice."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(home, fcntl.LOCK_NB))
        except BlockingIOError:
            raise UserError(f"DAGSTER_HOME={home}: make ui runs there already") from None
        yield


def _require_free(port: int) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # it was ours a moment ago
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"UI_PORT={port} cannot be listened on ({error.strerror}): give another, UI_PORT="
            ) from None


def _wait(service: Service, stop: Event, answers: Callable[[], bool]) -> None:
    """Until a service answers, or shall stop.

    Raises:
        UserError: it has ended, or it takes too long.
    """
    deadline = time.monotonic() + READY
    while not stop.wait(TICK) and not answers():
        if service.exit_status is not None:
            raise UserError(
                f"{service.name} has ended with status {service.exit_status}, see above"
            )
        if time.monotonic() > deadline:
            raise UserError(f"{service.name} does not answer after {READY:.0f} s")


def _answers(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as asked:
        asked.settimeout(1)
        try:
            asked.connect(address)
        except OSError:
            return False
        return True
