"""What a setting may be: each kind of value says it in words, and refuses others in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar

from core.days import parse_day
from core.errors import UserError

Value = TypeVar("Value", covariant=True)


class Kind(Protocol[Value]):
    """Turns a text into a value. `words` tells people which texts it takes."""

    @property
    def words(self) -> str:
        """Which texts it takes, for the reference and `--help`."""

    def __call__(self, name: str, text: str) -> Value:
        """The value; UserError, which names the setting and the text, where it is none."""


LAST_PORT = 65_535


def _whole(text: str) -> int:
    """The number, -1 where the text is none: isdigit alone is also true of "²", and int() refuses
    more than 4,300 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


@dataclass(frozen=True)
class Text:
    """Any text."""

    words: str = "text"

    def __call__(self, name: str, text: str) -> str:
        """The text itself."""
        return text


@dataclass(frozen=True)
class OneOf:
    """One of some words, or nothing where the default is nothing."""

    choices: Sequence[str]

    @property
    def words(self) -> str:
        """The choices."""
        return " | ".join(self.choices)

    def __call__(self, name: str, text: str) -> str:
        """The word; UserError where it is another."""
        if text and text not in self.choices:
            raise UserError(f"{name}={text!r} is unknown: use one of {', '.join(self.choices)}")
        return text


@dataclass(frozen=True)
class Whole:
    """A whole number of something, between two bounds; both count."""

    of: str
    low: int = 0
    high: int | None = None

    @property
    def words(self) -> str:
        """The bounds and what is counted."""
        return f"{self._bounds} {self.of}"

    @property
    def _bounds(self) -> str:
        return f"{self.low} or more" if self.high is None else f"{self.low} to {self.high}"

    def __call__(self, name: str, text: str) -> int:
        """The number; UserError where it is none, or beyond a bound."""
        number = _whole(text)
        if number < self.low or (self.high is not None and number > self.high):
            raise UserError(f"{name}={text!r} is not a number of {self.of}: give {self._bounds}")
        return number


@dataclass(frozen=True)
class Port:
    """A TCP port to listen on."""

    low: int = 1

    @property
    def words(self) -> str:
        """The bounds."""
        return f"a port, {self.low} to {LAST_PORT}"

    def __call__(self, name: str, text: str) -> int:
        """The port; UserError where it is none."""
        number = _whole(text)
        if not self.low <= number <= LAST_PORT:
            raise UserError(f"{name}={text!r} is not {self.words}")
        return number


@dataclass(frozen=True)
class Share:
    """A share of a whole."""

    words: str = "a share, 0 to 1"

    def __call__(self, name: str, text: str) -> float:
        """The number; UserError where it is not between 0 and 1."""
        try:
            share = float(text)
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            raise UserError(f"{name}={text!r} is not a share: give a number from 0 to 1")
        return share


@dataclass(frozen=True)
class Switch:
    """On or off."""

    words: str = "true | false, or 1 | 0"

    def __call__(self, name: str, text: str) -> bool:
        """Whether it is on; UserError where it is neither."""
        if text not in ("true", "false", "1", "0"):
            raise UserError(f"{name}={text!r} is neither true nor false")
        return text in ("true", "1")


@dataclass(frozen=True)
class Day:
    """A UTC day."""

    words: str = "a UTC day, YYYY-MM-DD"

    def __call__(self, name: str, text: str) -> date:
        """The day; UserError where it is none."""
        return parse_day(name, text)


@dataclass(frozen=True)
class Words:
    """Words with commas between them."""

    words: str = "words, comma separated"

    def __call__(self, name: str, text: str) -> tuple[str, ...]:
        """The words, without the blanks around them; none of them is empty or there twice.

        Raises:
            UserError: one is.
        """
        found = tuple(word.strip() for word in text.split(","))
        if "" in found or len(set(found)) < len(found):
            raise UserError(f"{name}={text!r}: a word is empty or there twice")
        return found
