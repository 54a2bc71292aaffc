"""Settings that say where or who: URLs, mail addresses, owners; and names of partitions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from core.errors import UserError
from core.values import Day, Words

# As Dagster takes an owner; mail itself takes a name without a dot too, such as root@localhost.
_OWNER = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|team:\S.*", re.ASCII)
_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?=://)")


@dataclass(frozen=True)
class Url:
    """A URL with a host. The value of a secret is not quoted: its scheme is, where it has one."""

    schemes: Sequence[str] = ("http", "https")
    is_secret: bool = False

    @property
    def words(self) -> str:
        """The schemes."""
        return f"a URL, {' or '.join(f'{scheme}://' for scheme in self.schemes)}"

    def __call__(self, name: str, text: str) -> str:
        """The URL, or nothing; UserError where the scheme is another, or no host is in it."""
        if text and not self._is_one(text):
            scheme = _SCHEME.match(text)
            hidden = f"{scheme[0]}://…" if scheme else "…"
            raise UserError(f"{name}={(hidden if self.is_secret else text)!r} is not {self.words}")
        return text

    def _is_one(self, text: str) -> bool:
        if text != text.strip():
            return False
        try:
            parts = urlsplit(text)
            port = parts.port  # urlsplit reads it only when it is asked for
        except ValueError:
            return False
        return parts.scheme in self.schemes and bool(parts.hostname) and port != 0


@dataclass(frozen=True)
class PathOrUrl:
    """A path of this machine, or a URL of a store that can be reached from here."""

    schemes: Sequence[str]

    @property
    def words(self) -> str:
        """The schemes."""
        return f"a path, or {' or '.join(f'{scheme}://…' for scheme in self.schemes)}"

    def __call__(self, name: str, text: str) -> str:
        """The text; UserError where its scheme is another."""
        scheme = _SCHEME.match(text)
        if scheme and (scheme[0] not in self.schemes or text == f"{scheme[0]}://"):
            raise UserError(f"{name}={text!r} is not {self.words}")
        return text


@dataclass(frozen=True)
class Addresses:
    """Mail addresses."""

    words: str = "addresses, comma separated"

    def __call__(self, name: str, text: str) -> str:
        """The addresses, without the blanks around them; UserError where one is none."""
        found = [each.strip() for each in text.split(",")] if text else []
        for each in found:
            if not _ADDRESS.fullmatch(each):
                raise UserError(f"{name}={text!r}: {each!r} is no mail address")
        return ", ".join(found)


@dataclass(frozen=True)
class Owner:
    """Whose assets are: a person or a team, as Dagster takes them."""

    words: str = "an address, or team:name"

    def __call__(self, name: str, text: str) -> str:
        """The owner; UserError where it is neither."""
        if not _OWNER.fullmatch(text):
            raise UserError(f"{name}={text!r} is not {self.words}")
        return text


@dataclass(frozen=True)
class PastDay:
    """A UTC day that has begun; None where it is not set."""

    words: str = "a UTC day, YYYY-MM-DD, not in the future"

    def __call__(self, name: str, text: str) -> date | None:
        """The day; UserError where it is none, or has not begun."""
        if not text:
            return None
        day = Day()(name, text)
        if day > datetime.now(UTC).date():
            raise UserError(f"{name}={text!r} is in the future: give a UTC day that has begun")
        return day


@dataclass(frozen=True)
class PartitionNames:
    """Names of partitions, some of which are taken."""

    of: str
    reserved: Sequence[str] = ()

    @property
    def words(self) -> str:
        """What they are, and which not."""
        return f"{self.of}, comma separated; none has a | or is {' or '.join(self.reserved)}"

    def __call__(self, name: str, text: str) -> tuple[str, ...]:
        """The names, without the blanks around them.

        Raises:
            UserError: one is empty, there twice or reserved, or Dagster takes it for no partition.
        """
        found = Words()(name, text)
        for each in found:
            if each in self.reserved:
                raise UserError(f"{name}={text!r}: {each!r} is the partition of all others")
            # Of a cell `day|region`; `a...b` is a range.
            if "|" in each or ".." in each or not each.isprintable():
                raise UserError(
                    f"{name}={text!r}: {each!r} is no name of a partition: it has | or .., or a "
                    "control character"
                )
        return found
