"""What assets and checks reach the world through; tests hand in others of the same types."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from core.days import DayRange
from core.warehouse import connection, server
from ingestion.settings import IngestSettings


def secret(name: str) -> str:
    """A secret by its variable's name: the value never enters Dagster's storage or its UI."""
    return dg.EnvVar(name) if os.environ.get(name) else ""


class Warehouse(dg.ConfigurableResource[Any]):
    """Postgres: the server that the fields name; blank ones are as libpq's variables say."""

    host: str = ""
    port: str = ""
    user: str = ""
    database: str = ""
    password: str = ""

    def open(self) -> connection.Warehouse:
        """The server, started where it is the embedded one; dbt finds it in the environment."""
        given = self.model_dump().items()
        os.environ.update({f"PG{name.upper()}": value for name, value in given if value})
        return server.warehouse()


class EventsSource(dg.ConfigurableResource[Any]):
    """The events API, or files; blank fields are as the environment says."""

    source: str = ""
    mapping: str = ""
    events_url: str = ""
    profiles_url: str = ""
    events_api_token: str = ""

    def settings(self, days: DayRange) -> IngestSettings:
        """The settings to ingest UTC days; UserError where one is missing or wrong."""
        given = self.model_dump().items()
        return IngestSettings.from_env(days, os.environ | {k.upper(): v for k, v in given if v})


class Dbt(dg.ConfigurableResource[Any]):
    """dbt, inside this process: most of what it imports is there (benchmarks/orchestration.py)."""

    def run(self, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> list[Any]:
        """One invocation under the build lock; dbt's results, node by node. UserError where it
        failed before its first node."""
        from transform.build import run_dbt  # 1 s: not for loading the code location

        return run_dbt(arguments, env or {})
