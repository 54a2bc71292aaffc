"""What comes of a delivery: the units that are read, and those that are as before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from ingestion.land.spool import Counts
from ingestion.land.units import LiveUnit, Plan
from ingestion.mapping.fields import Fields
from ingestion.source.unit import Found, Unit


@dataclass(frozen=True)
class Received:
    """A unit that is read. `received_at`: when its content first came; no event is much later."""

    found: Found
    unit: Unit
    received_at: datetime


@dataclass
class Intake:
    """One table of a load. Its lists and counts are full when `units` has come to its end, and what
    that gave was read.

    `confirmed`: units of which the fingerprint, but not the content, is another one than before.
    """

    plan: Plan
    started_at: datetime
    received: list[Received] = field(default_factory=list)
    confirmed: list[tuple[LiveUnit, Found]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    fields: Fields = field(default_factory=Fields)

    def units(self, scratch: Path) -> Iterator[Received]:
        """The units to read, one after the other.

        Args:
            scratch: where copies may lie.

        Raises:
            UserError: as fetching does.
        """
        plan = self.plan
        for found, unit in plan.delivery.units(plan.wanted, scratch):
            first, day = self.started_at, found.day
            before = plan.before(found)
            # The digest is waited for only where the size is the same: 0.6 s of a slow core.
            if before and not before.is_resized(found) and before.is_of(unit.content):
                if plan.may_stay(before):
                    unit.remove()
                    self.confirmed.append((before, found))
                    continue
                first = before.received_at
                day = day if found.key.window else before.ingest_date
            numbered = replace(unit, number=len(self.received), day=day)
            self.received.append(Received(found, numbered, first))
            yield self.received[-1]

    @property
    def gone(self) -> list[LiveUnit]:
        """The live units that the load takes the place of; UserError as `Plan.gone` says."""
        return self.plan.gone([received.found for received in self.received])

    @property
    def total(self) -> int:
        """All rows that land."""
        return self.counts.total

    @property
    def landing(self) -> tuple[list[date], int]:
        """The ingest days of the rows that land, and their number."""
        return [received.unit.day for received in self.received], self.total
