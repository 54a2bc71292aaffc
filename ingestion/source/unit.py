"""What a source delivers at once, as a file on this machine's disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Unit:
    """A file, or what an API has for a day.

    `url`: where it is from, for messages and for its name. `path`: its bytes, here. `format`: one
    of `mapping.FORMATS`, or "" where its name says none. `day`: the UTC day it was delivered on.
    `size`: bytes on the disk. `is_copy`: whoever has read it removes it. `is_known`: its format is
    certain, and not looked for in its content.
    """

    url: str
    path: Path
    format: str
    day: date
    size: int
    is_copy: bool = False
    is_known: bool = False

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


class Delivery(Protocol):
    """What a source has for some days, found but not yet read."""

    @property
    def days(self) -> set[date]:
        """The UTC days that it delivers, also those without a record."""

    @property
    def left_out(self) -> int:
        """How many files lie there that are not data."""

    def units(self, scratch: Path) -> Iterator[Unit]:
        """The units in the order of their days, while the next ones are being fetched.

        Args:
            scratch: where copies may lie.

        Raises:
            UserError: one cannot be read to its end.
        """
