"""The code location: everything that Dagster loads."""

from typing import Any

import dagster as dg

from core.settings import load_env

load_env()  # before the modules below read their settings

from orchestration import alerting, assets, automation, checks  # noqa: E402
from orchestration.io_manager import Storage  # noqa: E402
from orchestration.partitions import ONE_RUN  # noqa: E402
from orchestration.resources import Dbt, EventsSource, Warehouse, secret  # noqa: E402


def definitions(**others: Any) -> dg.Definitions:
    """All of it, with other resources where they are given by name."""
    resources: dict[str, Any] = {"dbt": Dbt(), "storage": Storage()}
    resources["warehouse"] = Warehouse(password=secret("PGPASSWORD"))
    resources["events"] = EventsSource(events_api_token=secret("EVENTS_API_TOKEN"))
    tells = [alerting.alert_on_failure, alerting.announce_facts]
    return dg.Definitions(
        assets=dg.load_assets_from_modules([assets], backfill_policy=ONE_RUN, include_specs=True),
        asset_checks=dg.load_asset_checks_from_modules([checks]),
        jobs=[automation.pull_job, automation.days_job, automation.cells_job],
        schedules=[automation.pull_today, automation.pull_yesterday],
        sensors=[automation.automation_sensor, automation.ledger_sensor, *tells],
        # A few steps, one after the other: a process for each would import everything again.
        executor=dg.in_process_executor,
        resources=resources | others,
    )


defs = definitions()
