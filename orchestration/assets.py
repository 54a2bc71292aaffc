"""The assets that are made of raw: every dbt model, then the features and the model of ML."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from core.warehouse.relation import read
from orchestration.automation import downstream, left_by_days
from orchestration.dbt.resource import Dbt
from orchestration.dbt.run import Event, build
from orchestration.dbt.termination import terminable
from orchestration.dbt.translator import Common, Translator
from orchestration.partitions import CELLS, DAYS, REGIONS, WEEKS, days_of
from orchestration.policies import OWNER, RETRY
from orchestration.resources import Warehouse
from transform.project import manifest

Context = dg.AssetExecutionContext

DBT: dict[str, Any] = {
    "manifest": manifest(),
    "dagster_dbt_translator": Translator(
        Common(OWNER, DAYS, downstream(), CELLS, WEEKS, left_by_days())
    ),
    "retry_policy": RETRY,
    "pool": "dbt",
}


@dbt_assets(exclude="config.cell_column:region config.granularity:week", **DBT)
def dbt_models(
    context: Context, dbt: dg.ResourceParam[Dbt], warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[Event]:
    """Build the run's days of the selected models, tests included, in one dbt invocation."""
    yield from build(context, dbt, warehouse.open(), days_of(context), REGIONS)


@dbt_assets(select="config.cell_column:region", **DBT)
def dbt_cells(
    context: Context, dbt: dg.ResourceParam[Dbt], warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[Event]:
    """Overwrite the run's cells, and no others, in one dbt invocation."""
    yield from build(context, dbt, warehouse.open(), days_of(context), REGIONS)


@dbt_assets(select="config.granularity:week", **DBT)
def dbt_weeks(
    context: Context, dbt: dg.ResourceParam[Dbt], warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[Event]:
    """Count the run's weeks anew, in one dbt invocation."""
    yield from build(context, dbt, warehouse.open(), days_of(context).whole_weeks, REGIONS)


ML: dict[str, Any] = {
    "owners": [OWNER],
    "partitions_def": DAYS,
    "group_name": "ml",
    "io_manager_key": "storage",
    "automation_condition": downstream(),
    "retry_policy": RETRY,
}


@dg.asset(deps=[["analytics", "user_activity"]], kinds={"pandas", "parquet"}, **ML)
def user_activity_features(
    context: Context, warehouse: dg.ResourceParam[Warehouse]
) -> dict[str, Any]:
    """What each user did in the seven days before a day, and whether they bought on it."""
    from ml.features import features_by_day

    activity = partial(read, warehouse.open(), "analytics.user_activity", "event_date")
    with terminable(context):
        return {f"{day}": found for day, found in features_by_day(activity, days_of(context))}


@dg.asset(kinds={"scikitlearn"}, **ML)
def purchase_propensity_model(
    context: Context, user_activity_features: dict[str, Any]
) -> dict[str, Any]:
    """Who is likely to buy, learnt from a day's features; its metrics are of held-out users."""
    from ml.propensity import train

    models: dict[str, Any] = {}
    for day, features in user_activity_features.items():
        with terminable(context):
            models[day], metrics = train(features)
        context.add_asset_metadata(metrics, partition_key=day)
    return models
