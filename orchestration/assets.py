"""The assets: raw tables from ingestion, then every dbt model, partitioned by UTC day.

A range of days is one run: ingestion lands it as one load, dbt builds it in one invocation.
"""

import os
from collections.abc import Iterator

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from commands.transform import build_arguments
from ingestion.days import ONE_DAY, DayRange, parse_day
from ingestion.errors import UserError
from ingestion.ingest import ingest
from ingestion.progress import Progress
from ingestion.settings import IngestSettings
from ingestion.warehouse import warehouse
from orchestration.dbt_project import Translator, manifest

DAYS = dg.DailyPartitionsDefinition(
    start_date=os.environ.get("PARTITIONS_START") or "2010-01-01", timezone="UTC"
)
ONE_RUN = dg.BackfillPolicy.single_run()
RAW_EVENTS = dg.AssetKey(["raw", "events"])
RAW_PROFILES = dg.AssetKey(["raw", "user_profiles"])


def days_of(context: dg.AssetExecutionContext) -> DayRange:
    """The UTC days of a run, of one partition or of a range."""
    keys = context.partition_key_range
    return DayRange(parse_day("partition", keys.start), parse_day("partition", keys.end) + ONE_DAY)


@dg.multi_asset(
    specs=[
        dg.AssetSpec(RAW_EVENTS, description="One row per received record.", kinds={"dlt"}),
        dg.AssetSpec(
            RAW_PROFILES,
            description="One row per user profile.",
            kinds={"dlt"},
            skippable=True,
        ),
    ],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="raw",
)
def raw(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Land the run's days from the API or the files that the settings name."""
    try:
        result = ingest(IngestSettings.from_env(days_of(context)), warehouse(), Progress())
    except UserError as error:
        # The line is all there is to know; a traceback would show what it was raised from.
        raise dg.Failure(str(error)) from None
    context.log.info(result.summary())
    for key, delivered in ((RAW_EVENTS, result.events), (RAW_PROFILES, result.profiles)):
        if delivered is not None:
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": delivered.total,
                    "dagster/table_name": ".".join(key.path),
                    "load_id": result.load_id,
                    "days": len(delivered.days),
                },
            )


@dbt_assets(
    manifest=manifest(),
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    dagster_dbt_translator=Translator(),
    pool="dbt",
)
def dbt_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[object]:
    """Build the run's days of the selected models, tests included, in one dbt invocation."""
    warehouse()  # puts the PG* variables where dbt reads them
    yield from dbt.cli(build_arguments(days_of(context)), context=context).stream()
