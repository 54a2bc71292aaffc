"""Ctrl-C and SIGTERM of a command that stays up: it ends in seconds, whatever it is doing."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

END_SECONDS = 8.0  # then it is ended as a kill would: no load and no build is half-done by that
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Whether the process was told to end.

    Both signals raise what Python and dbt know: KeyboardInterrupt and SystemExit. dlt takes signals
    for itself while it loads, and may forget them: so they are also noted where nobody can.
    """

    def __init__(self) -> None:
        """From the main thread."""
        self._told = 0
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _exit)
        threading.Thread(target=self._listen, args=(read,), daemon=True).start()

    def _listen(self, pipe: int) -> None:
        while (number := os.read(pipe, 1)[0]) not in _SIGNALS:
            pass  # of a child that has ended
        self._told = number
        threading.Event().wait(END_SECONDS)
        os._exit(128 + self._told)

    def check(self) -> None:
        """End, where the process was told so and nobody has raised it.

        Raises:
            KeyboardInterrupt: Ctrl-C. SystemExit: SIGTERM.
        """
        if self._told == signal.SIGINT:
            raise KeyboardInterrupt
        if self._told:
            _exit(self._told)


def _exit(number: int, _: FrameType | None = None) -> None:
    raise SystemExit(128 + number)
