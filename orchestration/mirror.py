"""What Postgres has, shown in Dagster: also what no run of Dagster has landed or built."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg

from core.days import monday_of
from core.errors import UserError
from core.warehouse.relation import Where, read
from orchestration.automation import BUSY, LOAD, ON
from orchestration.dbt.cells import is_by_week
from orchestration.dbt.results import INVOCATION, ROWS, rows_by_partition
from orchestration.dbt.translator import asset_key_of
from orchestration.deliveries import RAW_EVENTS, RAW_PROFILES, delivered
from orchestration.partitions import REGIONS, has_partition
from orchestration.resources import Warehouse
from orchestration.sources import SOURCES, source_key
from transform.project import manifest

A_TICK = 1_000  # materializations: some five seconds


@dataclass(frozen=True)
class Day:
    """A UTC day of an asset as Postgres has it.

    `at`: when it was landed or built. `by`: what tells this landing or build from others, as in the
    metadata of its materialization. `node`: what dbt calls it, "" of raw tables. `rows`: as the
    ledger counts them.
    """

    key: dg.AssetKey
    day: date
    at: datetime
    by: tuple[str, str]
    node: str = ""
    rows: int | None = None

    @property
    def partitions(self) -> Sequence[str]:
        """Its partition, its cells, or its week."""
        config = manifest()["nodes"][self.node]["config"] if self.node else {}
        return REGIONS.partitions(config, [self.day])


@dg.sensor(minimum_interval_seconds=30, default_status=ON)
def mirror(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Note the days that others have built or landed anew, then those that Dagster does not know,
    the newest first. The cursor is the moment up to which the former are noted."""
    told = datetime.fromisoformat(context.cursor) if context.cursor else None
    # While a run goes on, nobody knows yet what it has built.
    is_busy = context.instance.get_runs_count(dg.RunsFilter(statuses=BUSY)) > 0
    with closing(warehouse.open().connect()) as db:
        days = [each for each in _days(db) if has_partition(each.day)]
        anew = [] if is_busy else _anew(context.instance, days, told)
        taken = _first([*anew, *_unknown(context.instance, days)])
        events = list(_materializations(db, taken))
    if told is None or not (is_busy or set(anew) - set(taken)):
        told = max((each.at for each in days), default=told)
    elif done := [each.at for each in anew if each in taken]:
        told = max(done)
    cursor = told.isoformat() if told else ""
    if not events:
        context.update_cursor(cursor)
        return dg.SkipReason("Dagster knows what Postgres has")
    return dg.SensorResult(asset_events=events, cursor=cursor)


def _days(db: Where) -> Iterator[Day]:
    """All that is landed and built; nothing is before the first build."""
    shown = {RAW_EVENTS, RAW_PROFILES, *map(source_key, SOURCES)}
    for (key, day), live in delivered(db).items():
        if key in shown:
            yield Day(key, day, live.at, (LOAD, live.load_id), rows=live.rows)
    nodes = {each["name"]: unique_id for unique_id, each in manifest()["nodes"].items()}
    try:
        built = read(db, "intermediate.built_days", "day")
    except UserError:
        return
    newest: dict[tuple[str, date], Day] = {}
    for row in sorted(built, key=lambda row: row["built_at"]):
        if node := nodes.get(row["model"]):
            by = (INVOCATION, row["invocation_id"])
            # A week is as its days were built last.
            is_week = is_by_week(manifest()["nodes"][node]["config"])
            partition = monday_of(row["day"]) if is_week else row["day"]
            newest[node, partition] = Day(asset_key_of(node), row["day"], row["built_at"], by, node)
    yield from newest.values()


def _anew(instance: dg.DagsterInstance, days: list[Day], told: datetime | None) -> list[Day]:
    """What was landed or built since, and Dagster does not know, in that order."""
    if told is None:
        return []
    later = sorted((each for each in days if each.at > told), key=lambda each: each.at)
    return [each for each in later if not _is_noted(instance, each)]


def _is_noted(instance: dg.DagsterInstance, day: Day) -> bool:
    """Whether Dagster's newest materialization of a day is of this landing or build."""
    of_it = dg.AssetRecordsFilter(asset_key=day.key, asset_partitions=[f"{day.partitions[0]}"])
    newest = instance.fetch_materializations(of_it, limit=1).records
    noted = newest[0].asset_materialization if newest else None
    name, value = day.by
    return noted is not None and name in noted.metadata and noted.metadata[name].value == value


def _unknown(instance: dg.DagsterInstance, days: list[Day]) -> list[Day]:
    """What Dagster has no materialization of, the newest first."""
    shown = {key: instance.get_materialized_partitions(key) for key in {each.key for each in days}}
    unknown = [each for each in days if not shown[each.key].issuperset(each.partitions)]
    return sorted(unknown, key=lambda each: each.day, reverse=True)


def _first(days: list[Day]) -> list[Day]:
    """As many as one tick notes, each once."""
    taken: dict[Day, None] = {}
    number = 0
    for each in days:
        number += len(each.partitions)
        if number > A_TICK:
            break
        taken[each] = None
    return list(taken)


def _materializations(db: Where, days: list[Day]) -> Iterator[dg.AssetMaterialization]:
    """Of the days, with their rows. What is made of another one comes first: then nobody takes it
    for out of date meanwhile."""
    by_node: dict[tuple[dg.AssetKey, str], list[Day]] = defaultdict(list)
    for each in days:
        by_node[each.key, each.node].append(each)
    for (key, node), found in reversed(by_node.items()):
        dates = [each.day for each in found]
        counted = rows_by_partition(db, node, dates, REGIONS) if node else None
        for each in found:
            for partition in each.partitions:
                metadata: dict[str, Any] = dict([each.by])
                if counted is not None:
                    metadata[ROWS] = counted[partition]
                elif each.rows is not None:
                    metadata[ROWS] = each.rows
                yield dg.AssetMaterialization(key, metadata=metadata, partition=partition)
