"""The assets: raw tables from ingestion, every dbt model, then the features and the model of ML."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from alerts.settings import AlertSettings
from core.days import DayRange
from core.errors import Unavailable, UserError
from core.settings import ROOT, read_settings
from core.warehouse.relation import read
from orchestration.automation import (
    LEDGER,
    LOAD,
    RAW_EVENTS,
    RAW_PROFILES,
    downstream,
    left_by_days,
)
from orchestration.dbt.resource import Dbt
from orchestration.dbt.results import ROWS
from orchestration.dbt.run import Event, build
from orchestration.dbt.termination import terminable
from orchestration.dbt.translator import Common, Translator
from orchestration.partitions import CELLS, DAYS, REGIONS, WEEKS, days_of
from orchestration.resources import EventsSource, Warehouse
from transform.project import manifest

Context = dg.AssetExecutionContext
OWNER = read_settings(AlertSettings).owner
# For what passes by itself: a source or server that is away, a lock. Wrong settings, refusals and
# failed tests are raised as dg.Failure(allow_retries=False).
RETRY = dg.RetryPolicy(
    max_retries=3,
    delay=5,
    backoff=dg.Backoff.EXPONENTIAL,
    jitter=dg.Jitter.PLUS_MINUS,
)
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=120))
LANDING = dg.MetadataValue.url((ROOT / "core" / "migrations" / "0001_landing.sql").as_uri())


def _raw(key: dg.AssetKey, description: str, **other: Any) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        description=description,
        metadata={"dagster/table_name": ".".join(key.path), "sql": LANDING},
        owners=[OWNER],
        partitions_def=DAYS,
        group_name="raw",
        kinds={"dlt", "postgres"},
        **other,
    )


@dg.multi_asset(
    specs=[
        _raw(RAW_EVENTS, "One row per received record.", freshness_policy=HOURLY),
        _raw(RAW_PROFILES, "One row per user profile.", skippable=True),
    ],
    retry_policy=RETRY,
    pool="raw",
)
def raw(
    context: Context, events: dg.ResourceParam[EventsSource], warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[Event]:
    """Land the run's days from the API or the files that the settings name."""
    from core.progress import Progress
    from ingestion.ingest import ingest  # 1 s: not for loading the code location

    try:
        with terminable(context):
            result = ingest(events.settings(days_of(context)), warehouse.open(), Progress())
    except UserError as error:
        # The line is all there is to know; a traceback would show what it was raised from.
        raise dg.Failure(str(error), allow_retries=isinstance(error, Unavailable)) from None
    context.log.info(result.summary())
    rows = _rows_delivered(warehouse, days_of(context))
    for key, delivered in ((RAW_EVENTS, result.events), (RAW_PROFILES, result.profiles)):
        if delivered is not None:
            for day in context.partition_keys:
                context.add_asset_metadata({ROWS: rows[key, day]}, key, day)
            found: dict[str, Any] = {
                ROWS: delivered.total,
                "units": len(delivered.read),
                "unchanged_units": delivered.unchanged,
                LOAD: result.load_id or "unchanged",
            }
            yield dg.MaterializeResult(asset_key=key, metadata=found)


def _rows_delivered(warehouse: Warehouse, days: DayRange) -> Counter[tuple[dg.AssetKey, str]]:
    """How many live rows of each raw table each day has now, of all sources."""
    rows: Counter[tuple[dg.AssetKey, str]] = Counter()
    for row in read(warehouse.open(), "raw.deliveries", "ingest_date", days):
        rows[dg.AssetKey(["raw", row["table_name"]]), f"{row['ingest_date']}"] += row["rows"]
    return rows


# By event day, where the raw tables are by day of delivery: automation.ledger_sensor fills it.
ledger = _raw(
    LEDGER,
    "Which units are a day's live delivery, and which event days they touched.",
    deps=[RAW_EVENTS, RAW_PROFILES],
)

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
