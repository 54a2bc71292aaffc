"""Partitions: UTC days, and day by region for what is overwritten region by region."""

import dagster as dg

from core.days import ONE_DAY, DayRange, parse_day
from core.settings import read_settings
from orchestration.settings import OrchestrationSettings

_SETTINGS = read_settings(OrchestrationSettings)
START = f"{_SETTINGS.partitions_start}"
# The day that is going on has a partition too: it is pulled every hour.
DAYS = dg.DailyPartitionsDefinition(start_date=START, timezone="UTC", end_offset=1)
REGIONS = _SETTINGS.regions
# Every other region, also none: with it a day's cells are the whole day, and no row is left out.
OTHER = "other"
BY_REGION = dg.StaticPartitionsDefinition([*REGIONS, OTHER])
CELLS = dg.MultiPartitionsDefinition({"date": DAYS, "region": BY_REGION})
# A range is one run. Without this, Dagster makes a run of every cell.
ONE_RUN = dg.BackfillPolicy.single_run()


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> DayRange:
    """The UTC days of a run: of one partition, of a range, of cells."""
    days = [key.split("|")[0] for key in context.partition_keys]
    return DayRange(parse_day("partition", min(days)), parse_day("partition", max(days)) + ONE_DAY)


def cells_of(context: dg.AssetExecutionContext) -> dict[str, str]:
    """What tells dbt the regions of a run (dbt/macros/days/cells.sql); nothing for all of them."""
    regions = {key.split("|")[1] for key in context.partition_keys}
    if regions == {*REGIONS, OTHER}:
        return {}
    cells = {"CELLS": ",".join(sorted(regions - {OTHER}))}
    return cells | ({"CELLS_BESIDE": ",".join(REGIONS)} if OTHER in regions else {})


def cells_in(days: DayRange) -> list[dg.MultiPartitionKey]:
    """Every cell of some days."""
    cell, every = dg.MultiPartitionKey, (*REGIONS, OTHER)
    return [cell({"date": f"{day}", "region": region}) for day in days for region in every]


def key_of(day: str = "", region: str | None = None) -> str:
    """The partition of a row: its day, or its cell."""
    return day if region is None else f"{day}|{region if region in REGIONS else OTHER}"
