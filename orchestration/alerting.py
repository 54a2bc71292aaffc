"""Who hears of what: people while something is wrong, downstream jobs when facts are ready."""

import itertools
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import dagster as dg

from alerts.conditions import FAILED_RUN, Condition, found_in
from alerts.send import announce, beat, is_due
from alerts.settings import AlertSettings
from alerts.state import tell
from core.settings import read_settings
from orchestration.automation import ON
from orchestration.dbt.translator import FACTS
from orchestration.resources import Warehouse

FAILED = dg.DagsterRunStatus.FAILURE
FINISHED = [dg.DagsterRunStatus.SUCCESS, FAILED]
HOUR = 3600  # seconds
FEW = 3  # assets that a subject names


def failures_in_a_row(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """How many runs of the same job and assets have failed one after another, up to now."""
    runs = instance.get_runs(dg.RunsFilter(job_name=run.job_name, statuses=FINISHED), limit=500)
    ends = [each.status for each in runs if each.asset_selection == run.asset_selection]
    return len(list(itertools.takewhile(lambda end: end == FAILED, ends)))


@dg.sensor(minimum_interval_seconds=60, default_status=ON)
def alerts(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SkipReason:
    """Tell people what is wrong, once in a while, and when it is so no longer."""
    now = datetime.now(UTC)
    settings = read_settings(AlertSettings)
    where = warehouse.open()
    failing, ended = failing_runs(context.instance, now)
    found = [*found_in(where, settings, now), *failing]
    errors = tell(where, found, now, settings, ended)
    if not found and not errors and now.timestamp() - float(context.cursor or 0) >= HOUR:
        errors = beat()
        context.update_cursor(f"{now.timestamp()}")
    for line in errors:
        context.log.error(line)
    return dg.SkipReason(f"{len(found)} conditions are wrong")


def failing_runs(instance: dg.DagsterInstance, now: datetime) -> tuple[list[Condition], set[str]]:
    """What fails of the last two days: the newest run of each job and assets. With it the subjects
    whose newest run has succeeded."""
    asked = dg.RunsFilter(statuses=FINISHED, updated_after=now - timedelta(days=2))
    newest: dict[str, dg.DagsterRun] = {}
    for run in instance.get_runs(asked, limit=500):
        newest.setdefault(_subject(run), run)
    failed = {subject: run for subject, run in newest.items() if run.status == FAILED}
    failing = [
        _condition(instance, subject, run, failures)
        for subject, run in failed.items()
        if is_due(failures := failures_in_a_row(instance, run))
    ]
    return failing, set(newest) - set(failed)


def _subject(run: dg.DagsterRun) -> str:
    """The job, and of a selection of assets their names, or how many there are."""
    names = sorted(key.to_user_string() for key in run.asset_selection or ())
    if len(names) <= FEW:
        return " ".join([run.job_name, *names])
    digest = sha256(" ".join(names).encode()).hexdigest()[:6]
    return f"{run.job_name} of {len(names)} assets ({digest})"


def _condition(
    instance: dg.DagsterInstance, subject: str, run: dg.DagsterRun, failures: int
) -> Condition:
    """With what its failed steps say, and the queries of its failed checks."""
    checks = _events(instance, run, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    steps = _events(instance, run, dg.DagsterEventType.STEP_FAILURE)
    reasons = [step.error.message.strip() for step in steps if step.error]
    queries = {
        check.check_name: str(check.metadata["query"].value)
        for check in checks
        if not check.passed and "query" in check.metadata
    }
    partition = run.tags.get("dagster/partition") or run.tags.get(
        "dagster/asset_partition_range_start"
    )
    return Condition(
        FAILED_RUN,
        subject,
        "\n".join([f"{failures} in a row failed.", *(reasons or ["No step says why."])]),
        days=(partition,) if partition else (),
        queries=queries,
        run_id=run.run_id,
    )


def _events(
    instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType
) -> list[Any]:
    entries = instance.all_logs(run.run_id, of_type=kind)
    return [entry.get_dagster_event().event_specific_data for entry in entries]


@dg.run_status_sensor(dg.DagsterRunStatus.SUCCESS, default_status=ON, minimum_interval_seconds=30)
def announce_facts(context: dg.RunStatusSensorContext) -> None:
    """Tell downstream jobs which days of fact_events a run has just built."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    made = [event.materialization for event in _events(context.instance, context.dagster_run, kind)]
    days = sorted({each.partition for each in made if each.asset_key == FACTS})
    if not days:
        return
    for line in announce(FACTS.to_user_string(), days, context.dagster_run.run_id):
        context.log.error(line)
