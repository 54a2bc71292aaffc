"""One dbt invocation as Dagster events: selection, run, results, checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from typing import Any

import dagster as dg

from core.days import DayRange
from core.warehouse.connection import Warehouse
from orchestration.dbt.cells import Regions
from orchestration.dbt.checks import note_test
from orchestration.dbt.resource import Dbt
from orchestration.dbt.results import Built, built, rows_by_partition
from orchestration.dbt.selection import Selection
from orchestration.dbt.termination import terminable
from orchestration.dbt.translator import FACTS
from transform.project import manifest
from transform.views import missing_views

Event = dg.MaterializeResult[Any]


def build(
    context: dg.AssetExecutionContext,
    dbt: Dbt,
    warehouse: Warehouse,
    days: DayRange,
    regions: Regions,
) -> Iterator[Event]:
    """Build a run's selection for its days, and yield what came of each model.

    Args:
        context: of the run; results of tests are noted in it.
        dbt: what runs it.
        warehouse: where.
        days: the UTC days of the run.
        regions: which cells there are.

    Raises:
        dg.Failure: a model or a blocking test failed (then without retries); or days wait.
    """
    from transform.build import why_it_failed  # imports dbt, 1 s

    selection = Selection.of(context)
    arguments = selection.arguments(days, missing_views(warehouse, selection.models))
    with terminable(context):
        results = dbt.run(warehouse, arguments, regions.environment(context.partition_keys))
    with closing(warehouse.connect()) as db:
        models = [built(r, db, days, regions) for r in results if selection.has_built(r)]
        selected = [model for model in models if model.unique_id in selection.models]
        waiting = _waiting_days(selected, db, days)
        there = [model for model in selected if model.key != FACTS or not waiting]
        yield from (model.materialization(context) for model in there)
        late = _late_days(selected, db, days)
        for model in models:
            _note_beside(context, model, db, regions, () if model in selected else days, late)
        for result in selection.of_tests(results):
            spec = selection.tests[result.node.unique_id]
            note_test(context, spec, result, db, [*map(str, late), *context.partition_keys])
    reason, can_retry = why_it_failed(results)
    if reason or waiting:
        raise dg.Failure(reason or _held(waiting), allow_retries=can_retry)


def _held(waiting: Sequence[str]) -> str:
    named = ", ".join(waiting[:5])
    why = "readers held them, or they landed meanwhile"
    return f"{len(waiting)} days of fact_events wait ({named}): {why}"


def _waiting_days(models: Sequence[Built], db: Any, days: DayRange) -> list[str]:
    """The run's days that are built, and not in fact_events yet."""
    from transform.build import days_waiting

    return days_waiting(db, days) if FACTS in [model.key for model in models] else []


def _late_days(models: Sequence[Built], db: Any, days: DayRange) -> list[date]:
    """The days beside the run's that were built too: the older days that late rows of its delivery
    belong to."""
    from transform.build import days_built

    return days_built(db, days) if FACTS in [model.key for model in models] else []


def _note_beside(
    context: dg.AssetExecutionContext,
    model: Built,
    db: Any,
    regions: Regions,
    days: Iterable[date],
    late: Sequence[date],
) -> None:
    """Note what a run has built beside its own partitions: those of `days` along, and late days."""
    config = manifest()["nodes"][model.unique_id]["config"]
    there = regions.partitions(config, days)
    model.note_along(context, there)
    older = [each for each in regions.partitions(config, late) if each not in there]
    is_counted = older and model.rows is not None
    rows = rows_by_partition(db, model.unique_id, late, regions) if is_counted else None
    model.note_late(context, older, rows)
