"""The code location: everything that Dagster loads."""

from __future__ import annotations

import dagster as dg
from dagster_dbt import DbtCliResource

from commands.transform import PROFILES_DIR, PROJECT_DIR
from ingestion.settings import load_env
from orchestration.assets import dbt_models, raw
from orchestration.dbt_project import DBT

load_env()

defs = dg.Definitions(
    assets=[raw, dbt_models],
    # A run is two steps, one after the other: a process for each would import everything again.
    executor=dg.in_process_executor,
    resources={
        "dbt": DbtCliResource(
            project_dir=str(PROJECT_DIR),
            profiles_dir=str(PROFILES_DIR),
            dbt_executable=str(DBT),
        ),
    },
)
