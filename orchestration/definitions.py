"""The code location: every asset, check, job, schedule and sensor, with the resources they use."""

from typing import Any

import dagster as dg

from orchestration import alerting, assets, automation, checks
from orchestration.dbt.resource import Dbt
from orchestration.io_manager import Storage
from orchestration.partitions import ONE_RUN
from orchestration.resources import EventsSource, Warehouse, secret


def definitions(**others: Any) -> dg.Definitions:
    """All of it, with other resources where they are given by name."""
    resources: dict[str, Any] = {
        "dbt": Dbt(),
        "storage": Storage(),
        "warehouse": Warehouse(password=secret("PGPASSWORD")),
        "events": EventsSource(events_api_token=secret("EVENTS_API_TOKEN")),
    }
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [assets],
            backfill_policy=ONE_RUN,
            include_specs=True,
        ),
        asset_checks=dg.load_asset_checks_from_modules([checks]),
        jobs=[
            automation.pull_job,
            automation.days_job,
            automation.cells_job,
        ],
        schedules=[
            automation.pull_today,
            automation.pull_yesterday,
        ],
        sensors=[
            automation.automation_sensor,
            automation.ledger_sensor,
            alerting.alert_on_failure,
            alerting.announce_facts,
        ],
        # A few steps, one after the other: a process for each would import everything again.
        executor=dg.in_process_executor,
        resources=resources | others,
    )


defs = definitions()
