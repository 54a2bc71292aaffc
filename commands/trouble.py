"""What does not work for a while: said once, tried again less and less often, said when it does."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from core.errors import Unavailable, UserError
from core.progress import Progress

# The first pause and the longest. What is away may be there in a moment; anything else waits for a
# person, or for other data.
AWAY_SECONDS = (1, 30)
WRONG_SECONDS = (10, 600)
SAID_SECONDS = 900  # a line that came again within so many is not said again


def say(line: str, *, is_wrong: bool = False) -> None:
    """A line with the moment, UTC.

    Args:
        line: for people.
        is_wrong: it is for stderr.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    print(f"{at} {line}", file=sys.stderr if is_wrong else sys.stdout, flush=True)


class Once:
    """Lines that come again and again, each said when it comes, and not while it stays."""

    def __init__(self) -> None:
        self._came: dict[str, float] = {}

    def tell(self, line: str, key: str = "") -> None:
        """Say a line, unless it came a while ago.

        Args:
            line: for people.
            key: what it is known by, where the line is another one each time.
        """
        now = time.monotonic()
        self._came = {each: at for each, at in self._came.items() if now - at < SAID_SECONDS}
        if (key or line) not in self._came:
            say(line, is_wrong=True)
        self._came[key or line] = now

    def forget(self) -> bool:
        """Say all of them again, when they come. Returns whether there were any."""
        there = bool(self._came)
        self._came.clear()
        return there


class Quiet(Progress):
    """No bar and no steps: only whom one waits for, and what is not right."""

    def __init__(self, said: Once) -> None:
        super().__init__()
        self._said = said

    def start(self, title: str, total: int) -> None:
        """Nothing."""

    def step(self, title: str) -> None:
        """Nothing."""

    def waiting(self, title: str) -> None:
        """Say it."""
        self.tell(title)

    def tell(self, line: str) -> None:
        """Say it, once."""
        self._said.tell(line)

    def advance(self) -> None:
        """Nothing."""

    def done(self) -> None:
        """Nothing."""


class Trouble:
    """One thing that is tried again and again."""

    def __init__(self, well: str) -> None:
        """Args:
        well: what to say when it works again.
        """
        self._well = well
        self._said = Once()
        self._pause = 0.0
        self._until = 0.0

    @property
    def wait(self) -> float:
        """Seconds until it may be tried; 0 where it may be now."""
        return max(self._until - time.monotonic(), 0.0)

    def failed(self, error: Exception, key: str = "") -> None:
        """It did not work.

        Args:
            error: in one line.
            key: see `Once.tell`.
        """
        is_away = isinstance(error, Unavailable) or not isinstance(error, UserError)
        first, longest = AWAY_SECONDS if is_away else WRONG_SECONDS
        self._pause = min(max(2 * self._pause, first), longest)
        self._until = time.monotonic() + self._pause
        self._said.tell(f"error: {' '.join(str(UserError(str(error))).split())}", key)

    def over(self) -> None:
        """It worked."""
        if self._said.forget():
            say(self._well)
        self._pause = self._until = 0.0
