"""What assets and checks reach the world through; tests hand in others of the same types."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields

from core.days import DayRange
from core.warehouse import connection, server
from ingestion.settings import IngestSettings

_KEYWORDS = {"database": "dbname"}  # libpq's


def _given(resource: Warehouse | EventsSource) -> dict[str, str]:
    """The fields that are not blank."""
    values = {each.name: getattr(resource, each.name) for each in fields(resource)}
    return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class Warehouse:
    """Postgres: the server that the fields name; blank ones are as libpq's variables say."""

    host: str = ""
    port: str = ""
    user: str = ""
    database: str = ""
    password: str = field(default="", repr=False)

    def open(self) -> connection.Warehouse:
        """The server, started where it is the embedded one.

        Raises:
            Unavailable: it cannot be reached.
            UserError: it is too old, or the embedded one does not start.
        """
        return server.warehouse(
            {_KEYWORDS.get(name, name): value for name, value in _given(self).items()}
        )


@dataclass(frozen=True)
class EventsSource:
    """The events API, or files; blank fields are as the environment says."""

    source_name: str = ""
    source: str = ""
    mapping: str = ""
    events_url: str = ""
    profiles_url: str = ""
    events_api_token: str = field(default="", repr=False)

    def settings(self, days: DayRange) -> IngestSettings:
        """The settings to ingest UTC days; UserError where one is missing or wrong."""
        given = {name.upper(): value for name, value in _given(self).items()}
        return IngestSettings.from_env(days, os.environ | given)
