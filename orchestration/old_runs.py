"""Runs that are older than anybody looks at are deleted, with their events and logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.automation import ON
from orchestration.home.history import delete_finished
from orchestration.home.settings import HISTORY_DAYS

A_TICK = 200  # runs: some ten seconds


@dg.sensor(minimum_interval_seconds=3600, default_status=ON)
def old_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Delete finished runs from before HISTORY_DAYS, the oldest first."""
    before = datetime.now(UTC).date() - timedelta(days=HISTORY_DAYS.read())
    deleted = delete_finished(context.instance, before, A_TICK)
    return dg.SkipReason(f"{deleted} runs from before {before} deleted")
