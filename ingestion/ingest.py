"""One ingestion: from settings to a completed load, and what to tell the user about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

from psycopg2 import OperationalError
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection as Connection

from core.days import DayRange
from core.errors import Unavailable, UserError
from core.progress import Progress
from core.warehouse.connection import Warehouse
from ingestion.decode.readers import read_files
from ingestion.land.drift import (
    Fields,
    changes,
    previous_fields,
    refuse_lost_fields,
    refuse_too_many_rejects,
)
from ingestion.land.landing import BATCH_ROWS, Batches, land
from ingestion.land.ledger import Delivered
from ingestion.mapping.mapping import Mapping, TableMapping, load_mapping
from ingestion.settings import IngestSettings
from ingestion.source.api import EventsApi, read_api
from ingestion.source.files import DeliveredFile, find_files
from ingestion.source.http_client import HttpClient


@dataclass(frozen=True)
class IngestResult:
    """What an ingestion did: the load, its rows by table, and the days nobody delivered."""

    load_id: str
    source: str
    days: DayRange
    events: Delivered
    profiles: Delivered | None
    missing_days: int
    drift: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line for people, and one where the records are not made like those before."""
        parts = [f"{self.events.total:,} events"]
        if self.profiles:
            parts.append(f"{self.profiles.total:,} user profiles")
        days = f"{len(self.events.days)} day{'s' if len(self.events.days) != 1 else ''}"
        line = f"{self.source}: {', '.join(parts)} received for {days} ({self.days})"
        if self.missing_days:
            line += f"; {self.missing_days} without a file stay as they were"
        if self.drift:
            line += f"\nunlike the last load of {self.source}: {'; '.join(self.drift)}"
        return line


def ingest(settings: IngestSettings, warehouse: Warehouse, progress: Progress) -> IngestResult:
    """Land the days of `settings` and make them live.

    Raises:
        UserError: a setting is wrong, the source failed, or the warehouse did; nothing has
            changed then. Unavailable where trying again later may help.
    """
    mapping = load_mapping(settings.mapping)
    if settings.profiles_url and mapping.profiles is None:
        raise UserError(
            f"PROFILES_URL={settings.profiles_url!r}: MAPPING={mapping.name!r} has no [profiles]"
        )
    started_at = datetime.now(UTC)
    # One client for all tables: the API's rate limit does not tell them apart.
    client = HttpClient(settings.api_token, settings.api_concurrency, progress.step)
    tables: dict[str, Batches] = {}
    delivered: dict[str, Delivered] = {}
    for table in (mapping.events, mapping.profiles):
        if table is None or not _wanted(settings, table):
            continue
        fields = Fields()
        if settings.source == "api":
            read = _from_api(settings, mapping, table, client, started_at, progress, fields)
        else:
            read = _from_files(settings, mapping, table, started_at, progress, fields)
        days, tables[table.table] = read
        delivered[table.table] = Delivered(days, fields=fields)
    progress.start(f"reading {mapping.name}", len(delivered["events"].days))
    try:
        drift: list[str] = []
        check = partial(_check, settings, mapping, delivered, drift)
        load_id = land(warehouse, mapping.name, tables, delivered, progress.step, check=check)
    except (InsufficientPrivilege, OperationalError) as error:  # not allowed to; cut off
        kind = Unavailable if isinstance(error, OperationalError) else UserError
        reason = " ".join(str(error).split())
        raise kind(f"PGUSER={warehouse.user}: the load into Postgres failed: {reason}") from None
    finally:
        progress.done()  # also before an error is printed: the bar hides the cursor
    events = delivered["events"]
    return IngestResult(
        load_id=load_id,
        source=mapping.name,
        days=settings.days,
        events=events,
        profiles=delivered.get("user_profiles"),
        missing_days=len(settings.days) - len(events.days) if settings.source == "files" else 0,
        drift=tuple(drift),
    )


def _check(
    settings: IngestSettings,
    mapping: Mapping,
    delivered: dict[str, Delivered],
    drift: list[str],
    db: Connection,
) -> None:
    """Judge what was read before any of it lands; `drift` is filled with what is different.

    Raises:
        UserError: a field that the mapping needs is gone, or too much would be quarantined.
    """
    for table in (mapping.events, mapping.profiles):
        if table is None or table.table not in delivered:
            continue
        received = delivered[table.table]
        before = previous_fields(db, mapping.name, table.table)
        refuse_lost_fields(mapping.name, table, before, received.fields)
        drift += changes(before, received.fields)
        if table.table == "events":
            refuse_too_many_rejects(
                mapping.name, settings.max_quarantined, received.rejected, received.total
            )


def _wanted(settings: IngestSettings, table: TableMapping) -> bool:
    """Profiles come with every API; from files only where PROFILES_URL names them."""
    return table.table == "events" or settings.source == "api" or bool(settings.profiles_url)


Reading = tuple[set[date], Batches]


def _from_api(
    settings: IngestSettings,
    mapping: Mapping,
    table: TableMapping,
    client: HttpClient,
    started_at: datetime,
    progress: Progress,
    fields: Fields,
) -> Reading:
    """Every day of the range, also those for which the API has nothing."""
    is_events = table.table == "events"
    setting = "PROFILES_URL" if settings.profiles_url and not is_events else "EVENTS_URL"
    base_url = settings.profiles_url if setting == "PROFILES_URL" else settings.events_url
    api = EventsApi(setting, base_url, mapping.api, client)
    on_day: Callable[[date], None] = progress.day if is_events else lambda day: None
    batches = read_api(
        api,
        settings.days,
        table,
        mapping.name,
        started_at,
        BATCH_ROWS,
        settings.api_concurrency,
        on_day,
        fields,
    )
    return set(settings.days), batches


def _from_files(
    settings: IngestSettings,
    mapping: Mapping,
    table: TableMapping,
    started_at: datetime,
    progress: Progress,
    fields: Fields,
) -> Reading:
    """The days of which there is a file; a file without records empties its day."""
    is_events = table.table == "events"
    setting = "EVENTS_URL" if is_events else "PROFILES_URL"
    template = settings.events_url if is_events else settings.profiles_url
    files: list[DeliveredFile] = find_files(setting, template, settings.days, table)
    batches = read_files(files, table, mapping.name, started_at, BATCH_ROWS, fields)
    return {file.day for file in files}, progress.watch(batches) if is_events else batches
