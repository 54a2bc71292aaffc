"""Cells: the regions of a day, each overwritten alone (dbt/macros/days/cells.sql); and weeks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from core.days import monday_of

# Every other region, also none: with it a day's cells are the whole day, and no row is left out.
OTHER = "other"


def is_by_week(config: Mapping[str, Any]) -> bool:
    """Whether a model is replaced week by week (dbt/macros/strategies/overwrite_days.sql)."""
    return bool(config.get("granularity") == "week")


@dataclass(frozen=True)
class Regions:
    """The regions that have a partition of their own, and with `other` all of them."""

    named: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every region that a cell can be of."""
        return (*self.named, OTHER)

    def cells(self, days: Iterable[date]) -> list[dg.MultiPartitionKey]:
        """Every cell of some UTC days."""
        return [
            dg.MultiPartitionKey({"date": f"{day}", "region": region})
            for day in days
            for region in self.all
        ]

    def partitions(self, config: Mapping[str, Any], days: Iterable[date]) -> list[str]:
        """The partitions of a model, by its config, that some UTC days are in."""
        if config.get("cell_column"):
            return [*self.cells(days)]
        if is_by_week(config):
            return sorted({f"{monday_of(day)}" for day in days})
        return [f"{day}" for day in days]

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
