"""Who hears of a run: people when it keeps failing, downstream jobs when facts are ready."""

import itertools
from typing import Any

import dagster as dg

from alerts.send import Alert, alert, announce, is_due
from orchestration.automation import ON
from orchestration.dbt.translator import FACTS
from orchestration.settings import orchestration_settings

FAILED = dg.DagsterRunStatus.FAILURE
FINISHED = [dg.DagsterRunStatus.SUCCESS, FAILED]


def failures_in_a_row(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """How many runs of the same job and assets have failed one after another, up to now."""
    runs = instance.get_runs(dg.RunsFilter(job_name=run.job_name, statuses=FINISHED), limit=500)
    ends = [each.status for each in runs if each.asset_selection == run.asset_selection]
    return len(list(itertools.takewhile(lambda end: end == FAILED, ends)))


def _events(context: dg.RunStatusSensorContext, kind: dg.DagsterEventType) -> list[Any]:
    logs = context.instance.all_logs(context.dagster_run.run_id, of_type=kind)
    return [entry.get_dagster_event() for entry in logs]


@dg.run_failure_sensor(name="alert_on_failure", default_status=ON, minimum_interval_seconds=30)
def alert_on_failure(context: dg.RunFailureSensorContext) -> None:
    """After so many failures in a row: owner, link, reason, and the failing rows' query."""
    run = context.dagster_run
    failures = failures_in_a_row(context.instance, run)
    if not is_due(failures):
        return
    events = _events(context, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [event.event_specific_data for event in events]
    queries = {
        check.check_name: check.metadata["query"].value
        for check in checks
        if not check.passed and "query" in check.metadata
    }
    message = Alert(
        title=f"fact-events: {run.job_name} failed, {failures} in a row",
        owner=orchestration_settings().owner,
        run_id=run.run_id,
        reason=_reason(context),
        queries=queries,
    )
    for line in alert(message):
        context.log.error(line)


def _reason(context: dg.RunFailureSensorContext) -> str:
    """What the failed steps say, or else the run."""
    steps: list[Any] = [event.event_specific_data for event in context.get_step_failure_events()]
    reasons = [step.error.message.strip() for step in steps if step.error]
    return "\n".join(reasons) or str(context.failure_event.message)


@dg.run_status_sensor(dg.DagsterRunStatus.SUCCESS, default_status=ON, minimum_interval_seconds=30)
def announce_facts(context: dg.RunStatusSensorContext) -> None:
    """Tell downstream jobs which days of fact_events a run has just built."""
    events = _events(context, dg.DagsterEventType.ASSET_MATERIALIZATION)
    days = sorted({event.partition for event in events if event.asset_key == FACTS})
    if not days:
        return
    for line in announce(FACTS.to_user_string(), days, context.dagster_run.run_id):
        context.log.error(line)
