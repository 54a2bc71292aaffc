"""What is live in raw, as Dagster shows it: of each raw table and source, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from core.days import DayRange
from core.warehouse.relation import Where, read
from orchestration.sources import source_key

RAW_EVENTS = dg.AssetKey(["raw", "events"])
RAW_PROFILES = dg.AssetKey(["raw", "user_profiles"])
TABLES = {key.path[-1]: key for key in (RAW_EVENTS, RAW_PROFILES)}


@dataclass(frozen=True)
class Delivered:
    """The live rows of a day: how many, and the newest load that any of them came with."""

    load_id: str = ""
    rows: int = 0

    @property
    def at(self) -> datetime:
        """When that load began."""
        return datetime.fromtimestamp(float(self.load_id), UTC)

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(max(self.load_id, other.load_id), self.rows + other.rows)


def delivered(
    where: Where, days: DayRange | None = None
) -> Mapping[tuple[dg.AssetKey, date], Delivered]:
    """The live rows of each raw table, of all sources, and of each source, of both tables.

    Args:
        where: the warehouse, or an open connection to it.
        days: only these UTC days of delivery.
    """
    found: dict[tuple[dg.AssetKey, date], Delivered] = {}
    for row in read(where, "raw.deliveries", "ingest_date", days):
        for key in (TABLES[row["table_name"]], source_key(row["source"])):
            of_day = found.get((key, row["ingest_date"]), Delivered())
            found[key, row["ingest_date"]] = of_day + Delivered(row["load_id"], row["rows"])
    return found
