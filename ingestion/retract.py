"""`make retract UNIT=`: one delivery is taken back, as if it had never come."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.migrations import prepare
from core.progress import Progress
from core.warehouse.audit import audited
from core.warehouse.connection import Warehouse, postgres_errors
from ingestion.land.ledger import take_back
from ingestion.land.loads import lease, make_room
from ingestion.land.units import LiveUnit, named_units
from ingestion.settings import RetractSettings
from ingestion.source_mapping import source_mapping


@dataclass(frozen=True)
class Retracted:
    """A unit that was taken back, or with `is_dry` would be."""

    source: str
    table: str
    unit: LiveUnit
    is_dry: bool

    def summary(self) -> str:
        """One line for people."""
        verb = "would be retracted (DRY)" if self.is_dry else "retracted"
        key, what = self.unit.key, self.table.replace("_", " ")
        when = f" ({key.window})" if key.window and key.name != f"{key.window}" else ""
        return f"{self.source}: {key.name}{when}: {self.unit.rows:,} {what} {verb}"


def retract(settings: RetractSettings, warehouse: Warehouse, progress: Progress) -> list[Retracted]:
    """Take back the unit that `settings` names, from each table that it was delivered for.

    Its rows leave the landing tables; the next build takes them out of everything else. Delivered
    again, it is read again.

    Raises:
        UserError: no live unit has the name, or several sources or windows have one of it.
    """
    if not settings.unit:
        raise UserError("UNIT is not set: name the unit to take back, as `make ingest` named it")
    with postgres_errors(warehouse, "retracting"), closing(warehouse.connect()) as db:
        if not prepare(db, settings.dry):
            raise _no_unit(settings)
        source = _source(db, settings)
        with lease(db, source, progress.step):
            found = named_units(db, settings.unit)
            chosen = [
                Retracted(source, table, unit, settings.dry)
                for (of, table), units in found.items()
                for unit in units
                if of == source
            ]
            if not settings.dry:
                with audited(warehouse, "retract", f"{source}: {settings.unit}") as audit:
                    for each in chosen:
                        take_back(db, source, each.table, [each.unit])
                        audit.add("ingestion", {f"raw.{each.table}": each.unit.rows})
                        make_room(db, each.table, each.unit.rows)
    return chosen


def _source(db: Connection, settings: RetractSettings) -> str:
    """The source that has the unit.

    Raises:
        UserError: none has, or several sources or windows have.
    """
    found = named_units(db, settings.unit)
    sources = sorted({source for source, _ in found})
    if settings.mapping:
        name = source_mapping(settings.mapping).name
        sources = [source for source in sources if source == name]
    if not sources:
        raise _no_unit(settings)
    if len(sources) > 1:
        raise UserError(
            f"UNIT={settings.unit!r} is one of {' and '.join(sources)}: give MAPPING= too"
        )
    for (source, _), units in found.items():
        if source in sources and len(units) > 1:
            names = ", ".join(map(_precisely, units[:3]))
            raise UserError(f"UNIT={settings.unit!r} is {len(units)} units: give one of {names}")
    return sources[0]


def _no_unit(settings: RetractSettings) -> UserError:
    return UserError(f"UNIT={settings.unit!r} is no live unit: select unit from raw.units")


def _precisely(unit: LiveUnit) -> str:
    return f"{unit.key.name}@{unit.key.window}" if unit.key.window else unit.key.name
