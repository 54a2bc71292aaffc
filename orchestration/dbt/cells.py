"""Cells: the regions of a day, each overwritten alone (dbt/macros/days/cells.sql)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import dagster as dg

# Every other region, also none: with it a day's cells are the whole day, and no row is left out.
OTHER = "other"


@dataclass(frozen=True)
class Regions:
    """The regions that have a partition of their own, and with `other` all of them."""

    named: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every region that a cell can be of."""
        return (*self.named, OTHER)

    def cells(self, days: Iterable[date | str]) -> list[dg.MultiPartitionKey]:
        """Every cell of some UTC days."""
        return [
            dg.MultiPartitionKey({"date": f"{day}", "region": region})
            for day in days
            for region in self.all
        ]

    def partition(self, day: str = "", region: str | None = None) -> str:
        """The partition of a row: its day, or its cell where it has a region."""
        if region is None:
            return day
        return f"{day}|{region if region in self.named else OTHER}"

    def environment(self, partition_keys: Iterable[str]) -> dict[str, str]:
        """What tells dbt to overwrite the cells of a run alone; nothing where it has whole days."""
        asked = {key.partition("|")[2] for key in partition_keys}
        if asked in ({""}, set(self.all)):
            return {}
        cells = {"CELLS": ",".join(sorted(asked - {OTHER}))}
        if OTHER in asked:
            cells["CELLS_BESIDE"] = ",".join(self.named)
        return cells
