"""What an ingestion did, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import fill
from typing import Any

from core.days import Window
from ingestion.land.intake import Intake
from ingestion.land.units import LiveUnit

CALLED = {"events": "events", "user_profiles": "user profiles"}
WIDTH = 100
NAMED = 3  # of many units so many are named


@dataclass(frozen=True)
class TableOutcome:
    """What came and went for one table; units that `replaced` have a successor of the same name.
    `fingerprint`: see `Plan`."""

    read: tuple[str, ...]
    unchanged: int
    replaced: tuple[str, ...]
    retracted: tuple[str, ...]
    added_rows: int
    replaced_rows: int
    retracted_rows: int
    rejected: Mapping[str, int]
    days: frozenset[date]
    missing: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    deletions: int = 0
    forgotten: int = 0
    fingerprint: str = ""

    @property
    def total(self) -> int:
        """Rows that landed."""
        return self.added_rows

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing came or went."""
        return not (self.read or self.replaced or self.retracted)

    def line(self, called: str) -> str:
        """The counts, in one line."""
        units = [f"{_many(len(self.read), 'unit')} read", f"{self.unchanged:,} unchanged"]
        rows = [f"{self.added_rows:,} added"]
        for word, names, count in (
            ("replaced", self.replaced, self.replaced_rows),
            ("retracted", self.retracted, self.retracted_rows),
        ):
            if names:
                units.append(f"{len(names):,} {word}")
                rows.append(f"{count:,} {word}")
        if self.rejected:
            reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in self.rejected.items())
            rows.append(f"{sum(self.rejected.values()):,} quarantined ({reasons})")
        if self.deletions:
            rows.append(f"{self.deletions:,} of them deletions")
        if self.forgotten:
            rows.append(f"{self.forgotten:,} of forgotten users left out")
        return f"{called}: {', '.join(units)}; rows {', '.join(rows)}"

    def notes(self, called: str) -> list[str]:
        """What people should look at: units that went, and what was not there."""
        notes = []
        if self.retracted:
            notes.append(f"{called} of {_named(self.retracted)} retracted: now others are there")
        if self.missing:
            notes.append(f"no file for {_named(self.missing)}: stay as they were")
        if self.vanished:
            notes.append(f"no longer there, and kept (make retract): {_named(self.vanished)}")
        return notes

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "fingerprint": self.fingerprint,
            "units": {
                "read": list(self.read),
                "unchanged": self.unchanged,
                "replaced": list(self.replaced),
                "retracted": list(self.retracted),
                "missing": list(self.missing),
                "vanished": list(self.vanished),
            },
            "rows": {
                "added": self.added_rows,
                "replaced": self.replaced_rows,
                "retracted": self.retracted_rows,
                "quarantined": dict(self.rejected),
                "deletions": self.deletions,
                "forgotten": self.forgotten,
            },
        }


def outcome(intake: Intake, is_dry: bool = False) -> TableOutcome:
    """What a table's delivery did.

    Args:
        intake: all of it.
        is_dry: what it would do, if all units were changed whose fingerprints are.
    """
    plan = intake.plan
    read = plan.wanted if is_dry else [received.found for received in intake.received]
    gone = plan.gone(read)
    keys = {unit.key for found in read if (unit := plan.before(found))}
    replaced = [unit for unit in gone if unit.key in keys]
    retracted = [unit for unit in gone if unit.key not in keys]
    received = [received.unit.day for received in intake.received]
    return TableOutcome(
        read=tuple(found.key.name for found in read),
        unchanged=len(plan.delivery.found) - len(read),
        replaced=_names(replaced),
        retracted=_names(retracted),
        added_rows=intake.total,
        replaced_rows=sum(unit.rows for unit in replaced),
        retracted_rows=sum(unit.rows for unit in retracted),
        rejected=dict(sorted(intake.counts.rejected.items())),
        days=frozenset({*received, *(unit.ingest_date for unit in gone)}),
        missing=tuple(f"{window}" for window in intake.plan.missing),
        vanished=_names(intake.plan.vanished),
        deletions=intake.counts.deletions,
        forgotten=intake.counts.forgotten.total(),
        fingerprint=plan.fingerprint,
    )


def _names(units: Sequence[LiveUnit]) -> tuple[str, ...]:
    return tuple(unit.key.name for unit in units)


def _named(names: Sequence[str]) -> str:
    """So many names, the first of them written out."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class IngestResult:
    """What an ingestion did. `load_id` is None where nothing came or went; with `is_dry` it is what
    would be read, as far as fingerprints tell. `twice`: files that another window has too."""

    source: str
    asked: Window
    tables: Mapping[str, TableOutcome]
    load_id: str | None = None
    drift: tuple[str, ...] = ()
    left_out: int = 0
    twice: tuple[str, ...] = ()
    is_dry: bool = False

    @property
    def events(self) -> TableOutcome:
        """Of events."""
        return self.tables["events"]

    @property
    def profiles(self) -> TableOutcome | None:
        """Of user profiles, where the source has them."""
        return self.tables.get("user_profiles")

    @property
    def missing_windows(self) -> int:
        """The windows of events of which there was no file."""
        return len(self.events.missing)

    def summary(self) -> str:
        """One line where nothing changed, else one for the whole and one for each table."""
        each = [(CALLED[name], table) for name, table in self.tables.items()]
        units = sum(table.unchanged for _, table in each)
        notes = [note for called, table in each for note in table.notes(called)]
        if self.left_out:
            notes.append(f"{self.left_out} files that are no data left out (_SUCCESS, .crc, …)")
        if self.twice:
            notes.append(f"the template names one file for several windows: {_named(self.twice)}")
        if self.drift:
            notes.append(f"unlike the last load of {self.source}: {'; '.join(self.drift)}")
        if all(table.is_unchanged for _, table in each):
            lines = [f"{self.source}: unchanged ({_many(units, 'unit')}, {self.asked})"]
        elif self.is_dry:
            lines = [f"{self.source}: nothing was read (DRY); a run for {self.asked} would look at"]
            lines += [f"  {line}" for called, table in each for line in _dry(called, table)]
        else:
            rows = ", ".join(f"{table.total:,} {called}" for called, table in each)
            days = _many(len(self.events.days), "day")
            whole = f"{rows} received for {days} ({self.asked})"
            lines = [f"{self.source}: {whole}"]
            lines += [_folded(f"  {table.line(called)}") for called, table in each]
        return "\n".join([*lines, *(f"  {note}" for note in notes)])

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "source": self.source,
            "from": self.asked.start.isoformat(),
            "to": self.asked.end.isoformat(),
            "load_id": self.load_id,
            "dry": self.is_dry,
            "unchanged": all(table.is_unchanged for table in self.tables.values()),
            "left_out": self.left_out,
            "drift": list(self.drift),
            "twice": list(self.twice),
            "tables": {name: table.as_json() for name, table in self.tables.items()},
        }


def _folded(line: str) -> str:
    """A line as several, as wide as a terminal."""
    return fill(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _many(number: int, what: str) -> str:
    """A count of something."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _dry(called: str, table: TableOutcome) -> list[str]:
    lines = [f"{called}: {_many(len(table.read), 'unit')} ({_named(table.read)})"]
    for word, names, rows in (
        ("replace", table.replaced, table.replaced_rows),
        ("retract", table.retracted, table.retracted_rows),
    ):
        if names:
            lines.append(f"{called}: and {word} {_many(rows, 'row')} of {_named(names)}")
    return [*(lines if table.read else []), f"{called}: {_many(table.unchanged, 'unit')} unchanged"]
