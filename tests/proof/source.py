"""A source that changes its mind: its files, and what of them must be in the warehouse."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tests.helpers.pipeline import deliver
from tests.proof.oracle import Deliveries, Line, Record

OLD = "2019-05-05"
EVENT_DAYS = [*(f"2026-01-0{n}" for n in range(1, 6)), OLD]
HOURS = ("00:00:00", "10:00:00", "23:59:59")
USERS = ("u1", "u2", "u3", "u4")


class ChangingSource:
    """Files of days below a folder, written by a generator of random records."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        """Without a file yet. `landed`: what the warehouse must have once all is loaded."""
        self.root, self.chance = root, chance
        self.files: dict[str, tuple[list[Line], list[Record]]] = {}
        self.landed = Deliveries()
        self.forgotten: set[str] = set()

    def write(self, day: str, lines: list[Line], profiles: list[Record]) -> None:
        """The files of a day, that are going to be loaded."""
        self.files[day] = lines, profiles
        deliver(self.root / "events", day, lines)
        deliver(self.root / "profiles", day, profiles)
        self.landed.events[day] = [line for line in lines if not self._is_forgotten(line)]
        self.landed.profiles[day] = [each for each in profiles if not self._is_forgotten(each)]

    def lines(self, with_old: bool = True) -> list[Line]:
        """New ones; `with_old`: some may be of events years ago."""
        made = [self._line() for _ in range(self.chance.randrange(12))]
        return [line for line in made if with_old or not is_old(line)]

    def lines_of(self, day: str, with_old: bool = True) -> list[Line]:
        """Those of a day's file."""
        lines = self.files[day][0] if day in self.files else []
        return [line for line in lines if with_old or not is_old(line)]

    def profiles_of(self, day: str) -> list[Record]:
        """Those of a day's file."""
        return self.files[day][1] if day in self.files else []

    def profiles(self) -> list[Record]:
        """New ones."""
        return [
            {
                "user_id": self.chance.choice([*USERS, None]),
                "tier": self.chance.choice(["free", "pro", "trial"]),
                "region": self.chance.choice(["EU", "US"]),
                "updated_at": self.chance.choice([self._moment()] * 6 + ["never", ""]),
            }
            for _ in range(self.chance.randrange(5))
        ]

    def retract(self, day: str, table: str) -> None:
        """What was delivered on a day for a landing table is taken back."""
        kept: dict[str, Any] = {"events": self.landed.events, "user_profiles": self.landed.profiles}
        kept[table].pop(day, None)

    def prune(self) -> None:
        """Old events go; what is loaded again brings them again."""
        for day, lines in self.landed.events.items():
            self.landed.events[day] = [line for line in lines if not is_old(line)]

    def forget(self, user: str) -> None:
        """All of a user goes, and does not come again."""
        self.forgotten.add(user)
        for kept in (self.landed.events, self.landed.profiles):
            for day, lines in kept.items():
                kept[day] = [line for line in lines if not self._is_forgotten(line)]

    def knows(self, user: str) -> bool:
        """Whether something of a user is there, that can be forgotten."""
        held = (*self.landed.events.values(), *self.landed.profiles.values())
        return any(_user(line) == user for lines in held for line in lines)

    def _is_forgotten(self, line: Line) -> bool:
        return _user(line) in self.forgotten

    def _line(self) -> Line:
        if self.chance.random() < 0.1:
            return "{truncated"
        return {
            "event_id": self.chance.choice("abc"),
            "user_id": self.chance.choice([*USERS, *USERS, None]),
            "event_type": self.chance.choice(["click", "buy"]),
            "event_ts": self.chance.choice([self._moment()] * 9 + ["never"]),
            "region": self.chance.choice(["eu", "us"]),
            "properties": {"n": self.chance.randrange(20)},
        }

    def _moment(self) -> str:
        return f"{self.chance.choice(EVENT_DAYS)}T{self.chance.choice(HOURS)}Z"


def is_old(line: Line) -> bool:
    """Whether it is of an event that pruning takes."""
    return not isinstance(line, str) and line["event_ts"].startswith(OLD)


def _user(line: Line) -> str | None:
    return None if isinstance(line, str) else line["user_id"]
