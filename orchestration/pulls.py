"""Pulls of sources by their own schedules; and every pull that failed is asked for again.

What yesterday's last pull, or a tick of a source's schedule, was to bring no later pull brings:
those are of later days. So one that failed is tried less and less often until it succeeds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg

from core.days import DayRange
from ingestion.sources import NamedSource
from orchestration.automation import ON, PULLS_ON, RAW, pull_job
from orchestration.partitions import FIRST
from orchestration.range_tags import range_tags
from orchestration.sources import SOURCES, days_of_tick, source_key
from orchestration.told import pause

LOOKED_AT = timedelta(days=7)
FAILED = dg.DagsterRunStatus.FAILURE
# Dagster's own tags: of which days a run is, and that nobody has launched it by hand.
_DAYS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)
_BY_ITSELF = ("dagster/schedule_name", "dagster/sensor_name")


def _schedule(source: NamedSource) -> dg.ScheduleDefinition:
    """Each tick pulls a source, and counts what is in raw then."""
    name = f"source_{source.name}"
    pulled = RAW | dg.AssetSelection.assets(source_key(source.name))

    @dg.schedule(
        name=name,
        job=dg.define_asset_job(name, pulled.without_checks()),
        cron_schedule=source.schedule,
        default_status=PULLS_ON,
        description=f"What {source.name} has delivered since the tick before.",
    )
    def pull(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time
        days = days_of_tick(source, at)
        there = DayRange(max(days.start, FIRST), days.end)
        return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%M}", tags=range_tags(there))

    return pull


SCHEDULES = [_schedule(each) for each in SOURCES.values() if each.schedule]
JOBS = [pull_job, *(each.job for each in SCHEDULES)]


@dg.sensor(jobs=JOBS, minimum_interval_seconds=300, default_status=ON)
def failed_pulls(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask again for what a schedule has pulled in vain; a person's run is theirs."""
    asked = list(due(context.instance, datetime.now(UTC)))
    return dg.SensorResult(run_requests=asked) if asked else dg.SkipReason("no pull is to be tried")


def due(instance: dg.DagsterInstance, now: datetime) -> Iterator[dg.RunRequest]:
    """The pulls to be asked for again at a moment: once for each failure.

    Args:
        instance: whose history is looked at, seven days of it.
        now: the moment.
    """
    for (job, *_), runs in _alike(instance, now - LOOKED_AT).items():
        failures = list(takewhile(lambda record: record.dagster_run.status == FAILED, runs))
        if not failures:
            continue
        newest = failures[0].dagster_run
        if (now - failures[0].create_timestamp).total_seconds() >= pause(len(failures)):
            days = {name: newest.tags[name] for name in _DAYS if name in newest.tags}
            partition = days.pop(_DAYS[0], None)
            yield dg.RunRequest(newest.run_id, job_name=job, partition_key=partition, tags=days)


def _alike(
    instance: dg.DagsterInstance, since: datetime
) -> Mapping[tuple[str, ...], list[dg.RunRecord]]:
    """The runs of a job and its days, the newest first, as far as nobody has launched them."""
    found = defaultdict(list)
    names = {job.name for job in JOBS}
    for record in instance.get_run_records(dg.RunsFilter(created_after=since)):
        run = record.dagster_run
        if run.job_name in names and any(tag in run.tags for tag in _BY_ITSELF):
            found[run.job_name, *(run.tags.get(tag, "") for tag in _DAYS)].append(record)
    return found
