"""Runs whose process is gone are failed: then what waited for them goes on."""

from __future__ import annotations

import json
from collections.abc import Collection
from threading import Event

import dagster as dg

from core.warehouse.held_locks import RENEWAL
from orchestration.automation import ON
from orchestration.home.life import GONE, PROCESS, is_gone
from orchestration.home.prepare import history_url

GOING_ON = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


@dg.sensor(minimum_interval_seconds=15, default_status=ON)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fail, or cancel, each run that had no process at this look and the one before."""
    seen = suspects(context.instance)
    lost = seen & set(json.loads(context.cursor or "[]"))
    give_up(context.instance, lost)
    context.update_cursor(json.dumps(sorted(seen - lost)))
    return dg.SkipReason(f"{len(lost)} runs without a process")


def fail_lost_runs(instance: dg.DagsterInstance) -> None:
    """The same at once, before a process runs anything itself: it waits only where there are some,
    as long as a living process needs to take its lock again."""
    seen = suspects(instance)
    if seen:
        Event().wait(RENEWAL + 1)
        give_up(instance, seen & suspects(instance))


def suspects(instance: dg.DagsterInstance) -> set[str]:
    """The runs that go on, and of which no process has the lock."""
    url = history_url()
    if not url:
        return set()
    runs = instance.get_runs(dg.RunsFilter(statuses=list(GOING_ON)))
    return {run.run_id for run in runs if PROCESS in run.tags and is_gone(url, run.run_id)}


def give_up(instance: dg.DagsterInstance, lost: Collection[str]) -> None:
    """End runs whose process is gone. One that was being cancelled is cancelled then."""
    for run_id in lost:
        run = instance.get_run_by_id(run_id)
        if run is None or run.status not in GOING_ON:
            continue
        instance.add_run_tags(run_id, {GONE: run_id})
        said = f"Its process ({run.tags[PROCESS]}) is gone, and could not say so"
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, said)
        else:
            instance.report_run_failed(run, said)
