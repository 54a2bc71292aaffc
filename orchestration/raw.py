"""The raw tables: landed from the source, or from those of SOURCES_FILE, an asset each."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg

from core.errors import Unavailable, UserError
from core.settings import ROOT
from ingestion.sources import NamedSource
from orchestration.automation import LEDGER, LOAD
from orchestration.dbt.results import ROWS
from orchestration.dbt.termination import terminable
from orchestration.deliveries import RAW_EVENTS, RAW_PROFILES, Delivered, delivered
from orchestration.partitions import DAYS, days_of
from orchestration.policies import HOURLY, OWNER, RETRY
from orchestration.resources import EventsSource, Warehouse
from orchestration.sources import SOURCES, longest_wait, source_key

Context = dg.AssetExecutionContext
Events = dg.ResourceParam[EventsSource]
Postgres = dg.ResourceParam[Warehouse]
Landed = Iterator[dg.MaterializeResult[Any]]
Said = dict[dg.AssetKey, dict[str, Any]]  # of the run, in the metadata of each asset
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


def _land(context: Context, events: EventsSource, warehouse: Warehouse) -> Said:
    """Land the run's days of one source; what each raw table says of it."""
    from core.progress import Progress
    from ingestion.ingest import ingest  # 1 s: not for loading the code location

    try:
        with terminable(context):
            result = ingest(events.settings(days_of(context)), warehouse.open(), Progress())
    except UserError as error:
        # The line is all there is to know; a traceback would show what it was raised from.
        raise dg.Failure(str(error), allow_retries=isinstance(error, Unavailable)) from None
    context.log.info(result.summary())
    return {
        key: {
            "units": len(landed.read) if landed else 0,
            "unchanged_units": landed.unchanged if landed else 0,
            LOAD: result.load_id or "unchanged",
        }
        for key, landed in ((RAW_EVENTS, result.events), (RAW_PROFILES, result.profiles))
    }


def _materialized(
    context: Context, warehouse: Warehouse, keys: list[dg.AssetKey], said: Said
) -> Landed:
    """Each day with its own rows and load, and what is said of the run."""
    days = days_of(context)
    live = delivered(warehouse.open(), days)
    for key in keys:
        for day in days:
            of_day = live.get((key, day), Delivered())
            numbers: dict[str, Any] = {ROWS: of_day.rows}
            numbers |= {LOAD: of_day.load_id} if of_day.load_id else {}
            context.add_asset_metadata(numbers, key, f"{day}")
        # Profiles too where the source has none: what is downstream of a skipped asset is skipped.
        yield dg.MaterializeResult(asset_key=key, metadata=said.get(key, {}))


def _source(source: NamedSource) -> dg.AssetsDefinition:
    """A source of SOURCES_FILE."""

    @dg.asset(
        key=source_key(source.name),
        description=f"What `{source.name}` has delivered, read by `{source.mapping}`.",
        owners=[source.owner or OWNER],
        partitions_def=DAYS,
        group_name="sources",
        kinds={"dlt", source.SOURCE},
        freshness_policy=_as_scheduled(source) if source.schedule else HOURLY,
        retry_policy=RETRY,
        pool=f"raw_{source.name}",
    )
    def pulled(context: Context, events: Events, warehouse: Postgres) -> Landed:
        landed = _land(context, replace(events, source_name=source.name), warehouse)
        key = source_key(source.name)
        yield from _materialized(context, warehouse, [key], {key: landed[RAW_EVENTS]})

    return pulled


def _as_scheduled(source: NamedSource) -> dg.FreshnessPolicy:
    """Pulled at the last tick, or about to be: Dagster's own policy of cron takes no weekends."""
    return dg.FreshnessPolicy.time_window(fail_window=longest_wait(source) + timedelta(hours=2))


sources = [_source(each) for each in SOURCES.values()]


@dg.multi_asset(
    specs=[
        _raw(
            RAW_EVENTS,
            "One row per received record.",
            deps=[*map(source_key, SOURCES)],
            freshness_policy=HOURLY,
        ),
        _raw(
            RAW_PROFILES,
            "One row per user profile.",
            deps=[*map(source_key, SOURCES)],
        ),
    ],
    retry_policy=RETRY,
    pool="raw",
)
def raw(context: Context, events: Events, warehouse: Postgres) -> Landed:
    """Land the run's days from the source that the settings name; of those of SOURCES_FILE, each
    has landed its own before."""
    said = {} if SOURCES else _land(context, events, warehouse)
    yield from _materialized(context, warehouse, [RAW_EVENTS, RAW_PROFILES], said)


# By event day, where the raw tables are by day of delivery: automation.ledger_sensor fills it.
ledger = _raw(
    LEDGER,
    "Which units are a day's live delivery, and which event days they touched.",
    deps=[RAW_EVENTS, RAW_PROFILES],
)
