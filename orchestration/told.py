"""What Dagster was told of days, and when again: while a day is owed, less and less often."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FIRST_PAUSE = 600.0  # seconds: a run of the day, with its own retries, has ended by then
LONGEST_PAUSE = 86_400.0


@dataclass(frozen=True)
class Told:
    """What was said of a day last. `version`: what raw has of it; `times`: how often that was said;
    `again_at`: from when on it is said again (seconds since 1970)."""

    version: int | str
    times: int
    again_at: float

    def says(self, version: int | str, now: float) -> bool:
        """Whether a version need not be said now."""
        return self.version == version and now < self.again_at


def pause(times: int) -> float:
    """The seconds until something is asked for again that was asked for so often."""
    return min(FIRST_PAUSE * 2.0 ** (times - 1), LONGEST_PAUSE)


def read_cursor(cursor: str | None) -> dict[str, Told]:
    """What a sensor's cursor holds, by day. Of the version before it holds versions alone."""
    held: Mapping[str, Any] = json.loads(cursor or "{}")
    return {
        day: Told(**said) if isinstance(said, dict) else Told(said, 1, 0.0)
        for day, said in held.items()
    }


def due(told: Mapping[str, Told], days: Mapping[str, int | str], now: float) -> dict[str, Told]:
    """Of the days that are owed, by version, those to say now; as they are then held."""
    saying = {}
    for day, version in days.items():
        before = told.get(day)
        if before and before.says(version, now):
            continue
        times = before.times + 1 if before and before.version == version else 1
        saying[day] = Told(version, times, now + pause(times))
    return saying


def cursor_of(told: Mapping[str, Told], days: Mapping[str, int | str]) -> str:
    """The cursor: what was said of the days that are still owed."""
    return json.dumps({day: asdict(said) for day, said in told.items() if day in days})
