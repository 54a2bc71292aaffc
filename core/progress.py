"""A progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Progress:
    """Shows one piece of work at a time: a title, units done of a total, and the time.

    Silent for work of less than a moment on a pipe: a line is printed per step, not per unit.
    """

    def __init__(self, console: Console | None = None, unit: str = "units") -> None:
        self.console = console or Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def start(self, title: str, total: int) -> None:
        """Begin a piece of work of `total` units."""
        self._bar.reset(self._task, description=title, total=total)
        self._bar.start()
        self._say(title)

    def step(self, title: str) -> None:
        """The same piece of work goes on with another step."""
        self._bar.update(self._task, description=title)
        self._say(title)

    def waiting(self, title: str) -> None:
        """The same piece of work waits for somebody else."""
        self.step(title)

    def tell(self, line: str) -> None:
        """What is not right, for people."""
        print(line, file=sys.stderr)

    def advance(self) -> None:
        """One more unit is done."""
        self._bar.update(self._task, advance=1)

    def done(self) -> None:
        """Remove the bar."""
        self._bar.stop()

    def _say(self, title: str) -> None:
        if not self.console.is_terminal:
            self.console.print(f"{title} ...", highlight=False)
