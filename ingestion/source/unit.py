"""What a source delivers at once, as a file on this machine's disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Unit:
    """A file, or what an API has for a day.

    `url`: where it is from, for messages and for its name. `path`: its bytes, here. `format`: one
    of `mapping.FORMATS`. `day`: the UTC day it was delivered on. `size`: bytes on the disk.
    `is_copy`: whoever has read it removes it.
    """

    url: str
    path: Path
    format: str
    day: date
    size: int
    is_copy: bool = False

    @property
    def name(self) -> str:
        """Its base name."""
        return Path(self.url).name

    def remove(self) -> None:
        """Remove the bytes, where they are a copy."""
        if self.is_copy:
            self.path.unlink()


class Delivery(Protocol):
    """What a source has for some days, found but not yet read."""

    @property
    def days(self) -> set[date]:
        """The UTC days that it delivers, also those without a record."""

    def units(self, scratch: Path) -> Iterator[Unit]:
        """The units in the order of their days, while the next ones are being fetched.

        Args:
            scratch: where copies may lie.

        Raises:
            UserError: one cannot be read to its end.
        """
