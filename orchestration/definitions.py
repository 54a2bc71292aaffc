"""The code location: every asset, check, job, schedule and sensor, with the resources they use."""

import logging
from typing import Any

import dagster as dg

from orchestration import (
    alerting,
    assets,
    automation,
    checks,
    lost_runs,
    mirror,
    old_runs,
    pulls,
    raw,
)
from orchestration.dbt.resource import Dbt
from orchestration.io_manager import Storage
from orchestration.partitions import ONE_RUN
from orchestration.resources import EventsSource, Warehouse


@dg.logger(
    {
        "log_level": dg.Field(str, is_required=False, default_value="WARNING"),
        "name": dg.Field(str, is_required=False, default_value="dagster"),
    },
    description="What a run says in the terminal: every event is in the history.",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's own, from WARNING on: a run of 30 days has 2,100 events."""
    made: logging.Logger = dg.colored_console_logger.logger_fn(context)
    return made


def definitions(**others: Any) -> dg.Definitions:
    """All of it, with other resources where they are given by name."""
    resources: dict[str, Any] = {
        "dbt": Dbt(),
        "storage": Storage(),
        "warehouse": Warehouse(),
        "events": EventsSource(),
    }
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [raw, assets],
            backfill_policy=ONE_RUN,
            include_specs=True,
        ),
        asset_checks=dg.load_asset_checks_from_modules([checks]),
        jobs=[automation.pull_job, automation.days_job, automation.cells_job, automation.weeks_job],
        schedules=[
            automation.pull_today,
            automation.pull_yesterday,
            *pulls.SCHEDULES,
        ],
        sensors=[
            automation.automation_sensor,
            automation.ledger_sensor,
            lost_runs.lost_runs,
            old_runs.old_runs,
            mirror.mirror,
            pulls.failed_pulls,
            alerting.alerts,
            alerting.announce_facts,
        ],
        # A few steps, one after the other: a process for each would import everything again.
        executor=dg.in_process_executor,
        loggers={"console": console},
        resources={name: _fixed(each) for name, each in (resources | others).items()},
    )


def _fixed(resource: Any) -> dg.ResourceDefinition:
    """A resource that no run can configure: one that could name another server would be given the
    password or token that this process has."""
    kind = dg.IOManagerDefinition if isinstance(resource, dg.IOManager) else dg.ResourceDefinition
    return kind(lambda _: resource, config_schema={})


defs = definitions()
