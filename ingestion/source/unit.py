"""The unit of delivery: a file, or what an API has for a window. Found first, then on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from core.days import Window
from core.errors import UserError

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class UnitKey:
    """What tells the units of a source and table apart.

    `name`: the path below the fixed part of the template, or the window of an API. `window`: None
    where the template has no field of a date. `region`: the one that an API was asked for, "" for
    all of them.
    """

    name: str
    window: Window | None
    region: str = ""


@dataclass(frozen=True)
class Fingerprint:
    """What is known of a unit's content before it is read.

    `text`: its size with the time of its last change, or a tag that the store gives a content; ""
    where nothing is known. `changed_at`: that time; None where the text alone tells one content
    from another.
    """

    text: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """A unit that is there. `url`: where, for messages and for its name. `day`: the last UTC day of
    its window, or of the range asked for where it has none."""

    key: UnitKey
    url: str
    day: date
    fingerprint: Fingerprint = Fingerprint()


@dataclass(frozen=True)
class Unit:
    """A unit whose bytes are here.

    `url`: where it is from, for messages and for its name. `path`: its bytes, here. `format`: one
    of `mapping.FORMATS`, or "" where its name says none. `day`: the UTC day it is delivered on.
    `size`: bytes on the disk. `is_copy`: whoever has read it removes it. `is_known`: its format is
    certain, and not looked for in its content. `number`: which of its load's. `digest`: of its
    bytes, perhaps on its way.
    """

    url: str
    path: Path
    format: str
    day: date
    size: int
    is_copy: bool = False
    is_known: bool = False
    number: int = 0
    digest: Callable[[], str] | None = None

    @property
    def content(self) -> str:
        """The digest of its bytes, waited for; "" where that is not known.

        Raises:
            UserError: they cannot be read.
        """
        try:
            return self.digest() if self.digest else ""
        except OSError as error:
            raise UserError(f"{self.url} cannot be read: {error.strerror}") from None

    @property
    def name(self) -> str:
        """Its base name."""
        return Path(self.url).name

    @property
    def folders(self) -> dict[str, str | None]:
        """What its folders say of its records, as Hive and Spark write it: `region=eu/day=…`."""
        found: dict[str, str | None] = {}
        for folder in self.url.split("/")[:-1]:
            key, equals, value = folder.partition("=")
            if key and equals:
                found[unquote(key)] = None if value == HIVE_NULL else unquote(value)
        return found

    def remove(self) -> None:
        """Remove the bytes, where they are a copy."""
        if self.is_copy:
            self.path.unlink()


@dataclass(frozen=True)
class PageEnds:
    """What the pages of one table of an API have shown of their ends, ever.

    `place`: where the mapping says that the next page is named. `is_seen`: some page had it.
    `fullest`: the most records that the last page of a window had where nothing said that it was
    the last, and the window.
    """

    place: str
    is_seen: bool = False
    fullest: int = 0
    fullest_window: str = ""


class Delivery(Protocol):
    """What a source has for a range, found but not yet read."""

    @property
    def found(self) -> Sequence[Found]:
        """The units that are there."""

    @property
    def asked(self) -> Sequence[Window]:
        """The windows that it was looked for in; none of an undated delivery."""

    @property
    def left_out(self) -> int:
        """How many files lie there that are not data."""

    @property
    def ends(self) -> PageEnds | None:
        """What the pages showed of their ends, once all have come; None of files."""

    def is_named(self, url: str) -> bool:
        """Whether a unit without a window would have been found, had it lain there."""

    def units(self, wanted: Sequence[Found], scratch: Path) -> Iterator[tuple[Found, Unit]]:
        """The bytes of units, in their order, while the next ones are being fetched.

        Args:
            wanted: some of those that were found.
            scratch: where copies may lie.

        Raises:
            UserError: one cannot be read to its end.
        """
