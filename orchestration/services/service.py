"""A service of Dagster as a process that is kept alive."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from core.settings import ROOT
from orchestration.services.child import GRACE

STEADY = 60.0  # seconds after which a death is the first one again
LONGEST = 30.0  # seconds from a death to the next start, at most


# A socket's path, or a host and a port.
Place = str | tuple[str, int]


@dataclass
class Service:
    """A service, its arguments and its process.

    `listens`: where it answers when it is ready; it is ready at once where that is not said.
    `port`: the setting that chose the port. `says`: what is printed when it answers.
    """

    name: str
    arguments: Sequence[str]
    listens: Place | None = None
    port: str = ""
    says: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _started_at: float = field(default=0.0, init=False)
    _start_at: float | None = field(default=None, init=False)
    _deaths: int = field(default=0, init=False)

    def start(self) -> None:
        """Start its process, in a process group of its own: Ctrl-C reaches the starter alone."""
        child = [sys.executable, "-m", "orchestration.services.child", self.name]
        self._started_at = time.monotonic()
        self._start_at = None
        self._process = subprocess.Popen(
            [*child, *self.arguments], cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
        )

    def require_free(self) -> None:
        """Refuse a port that somebody else listens on, and remove the socket of a dead process.

        Raises:
            UserError: it is taken.
        """
        if isinstance(self.listens, str):
            Path(self.listens).unlink(missing_ok=True)
        elif self.listens:
            try:
                socket.create_server(self.listens).close()
            except OSError as error:
                why = os.strerror(error.errno or 0)
                raise UserError(
                    f"{self.port}={self.listens[1]} cannot be listened on ({why}): "
                    f"give another, {self.port}="
                ) from None

    @property
    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.listens is None or answers(self.listens)

    @property
    def exit_status(self) -> int | None:
        """Of its process; None while that lives."""
        return self._process.poll() if self._process else None

    def keep_alive(self) -> None:
        """Start it again where it has died: at once, then with pauses that grow."""
        if self.exit_status is None:
            return
        now = time.monotonic()
        if self._start_at is None:
            self._deaths = 1 if now - self._started_at > STEADY else self._deaths + 1
            pause = 0.0 if self._deaths == 1 else min(LONGEST, 2.0**self._deaths)
            said = f"{self.name} has ended with status {self.exit_status}"
            print(f"{said}: started again in {pause:.0f} s", file=sys.stderr, flush=True)
            self._start_at = now + pause
        if now >= self._start_at:
            self.start()

    def ask_to_end(self) -> None:
        """Close what it reads (`child`): it ends, with all that it has started."""
        if self._process and self._process.stdin:
            self._process.stdin.close()

    def end(self) -> None:
        """Wait until it has ended, as it was asked; kill it where it does not."""
        if self._process is None:
            return
        try:
            self._process.wait(GRACE + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def answers(place: Place) -> bool:
    """Whether somebody listens there."""
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
    with socket.socket(family) as asked:
        asked.settimeout(1)
        try:
            asked.connect(place)
        except OSError:
            return False
        return True
