"""Samples of a resource of dlt: what it yields first for a window."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.days import Window
from ingestion.sample_records import RECORDS
from ingestion.sampling import BYTES
from ingestion.source.resource import ResourceDelivery
from ingestion.source.unit import Unit


@dataclass(frozen=True)
class SampledItems:
    """Records of one window. `window`: None where the resource takes none. `number`: of records.
    `is_whole`: whether they are all."""

    unit: Unit
    window: Window | None
    number: int
    is_whole: bool

    @property
    def of_window(self) -> str:
        """Its window, for people, after other words."""
        return f" for {self.window}" if self.window else ""

    @property
    def looked_at(self) -> str:
        """How much was looked at, for people."""
        first = "" if self.is_whole else "the first "
        return f"{first}{self.number:,} records{self.of_window}"


def sampled_items(delivery: ResourceDelivery, scratch: Path) -> SampledItems:
    """The first records of a resource's first window. What it would yield after them is not asked
    for.

    Args:
        delivery: the resource, and its windows.
        scratch: a folder for them.

    Raises:
        UserError: it fails, or is not what the mapping says.
    """
    found = delivery.found[0]
    place = scratch / f"items-{len(list(scratch.iterdir()))}.jsonl"
    number, size, is_whole = 0, 0, True
    with place.open("wb") as file, closing(delivery.lines(found.key.window)) as lines:
        for line in lines:
            if number >= RECORDS or size >= BYTES:
                is_whole = False
                break
            file.write(line)
            number += 1
            size += len(line)
    unit = Unit(found.url, place, "jsonl", found.day, size, is_known=True)
    return SampledItems(unit, found.key.window, number, is_whole)
