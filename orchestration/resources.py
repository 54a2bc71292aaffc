"""What assets and checks reach the world through; tests hand in others of the same types."""

import os
from typing import Any

import dagster as dg

from core.days import DayRange
from core.warehouse import connection, server
from ingestion.settings import IngestSettings


def secret(name: str) -> str:
    """A secret by its variable's name: the value never enters Dagster's storage or its UI."""
    return dg.EnvVar(name) if os.environ.get(name) else ""


_KEYWORDS = {"database": "dbname"}  # libpq's


class Warehouse(dg.ConfigurableResource[Any]):
    """Postgres: the server that the fields name; blank ones are as libpq's variables say."""

    host: str = ""
    port: str = ""
    user: str = ""
    database: str = ""
    password: str = ""

    def open(self) -> connection.Warehouse:
        """The server, started where it is the embedded one.

        Raises:
            Unavailable: it cannot be reached.
            UserError: it is too old, or the embedded one does not start.
        """
        fields = self.model_dump().items()
        given = {_KEYWORDS.get(name, name): value for name, value in fields if value}
        return server.warehouse(given)


class EventsSource(dg.ConfigurableResource[Any]):
    """The events API, or files; blank fields are as the environment says."""

    source_name: str = ""
    source: str = ""
    mapping: str = ""
    events_url: str = ""
    profiles_url: str = ""
    events_api_token: str = ""

    def settings(self, days: DayRange) -> IngestSettings:
        """The settings to ingest UTC days; UserError where one is missing or wrong."""
        fields = self.model_dump().items()
        given = {name.upper(): value for name, value in fields if value}
        return IngestSettings.from_env(days, os.environ | given)
