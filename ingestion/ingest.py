"""One ingestion: from settings to a completed load, and what to tell the user about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg2 import OperationalError
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection as Connection

from core.days import DayRange
from core.errors import Unavailable, UserError
from core.migrations import migrate
from core.progress import Progress
from core.scratch import scratch_directory
from core.warehouse.connection import Warehouse
from ingestion.decode.readers import read
from ingestion.land.drift import (
    changes,
    previous_fields,
    refuse_lost_fields,
    refuse_too_many_rejects,
)
from ingestion.land.landing import Load, land
from ingestion.land.ledger import Delivered
from ingestion.land.spool import SpooledFile, spool
from ingestion.mapping.mapping import Mapping, TableMapping, load_mapping
from ingestion.mapping.reading import Reading
from ingestion.settings import IngestSettings
from ingestion.source.unit import Delivery, Unit


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
    left_out: int = 0

    def summary(self) -> str:
        """One line for people, and one where the records are not made like those before."""
        parts = [f"{self.events.total:,} events"]
        if self.profiles:
            parts.append(f"{self.profiles.total:,} user profiles")
        days = f"{len(self.events.days)} day{'s' if len(self.events.days) != 1 else ''}"
        line = f"{self.source}: {', '.join(parts)} received for {days} ({self.days})"
        if self.missing_days:
            line += f"; {self.missing_days} without a file stay as they were"
        if self.left_out:
            line += f"; {self.left_out} files that are no data left out (_SUCCESS, .crc and such)"
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
    with scratch_directory() as scratch, _shown(progress):
        load = _spooled(settings, mapping, scratch, progress)
        with _postgres_errors(warehouse), closing(warehouse.connect()) as db:
            migrate(db)
            drift = _judged(db, settings, mapping, load.delivered)
            land(db, warehouse, load, progress.step)
    events = load.delivered["events"]
    return IngestResult(
        load_id=load.load_id,
        source=mapping.name,
        days=settings.days,
        events=events,
        profiles=load.delivered.get("user_profiles"),
        missing_days=len(settings.days) - len(events.days) if settings.connector == "files" else 0,
        drift=tuple(drift),
        left_out=load.left_out,
    )


def _spooled(settings: IngestSettings, mapping: Mapping, scratch: Path, progress: Progress) -> Load:
    """Everything that the source has, read to its end."""
    started_at = datetime.now(UTC)
    load_id = f"{time.time():.7f}"
    delivered: dict[str, Delivered] = {}
    files: dict[str, list[SpooledFile]] = {}
    deliveries = _deliveries(settings, mapping, progress)
    progress.start(f"reading {mapping.name}", len(deliveries["events"].days))
    for table in mapping.tables:
        if table.table in deliveries:
            delivery = deliveries[table.table]
            units = _shown_by_day(delivery.units(scratch), progress, table)
            reading = Reading(table, mapping.name, started_at, event_ts_min=settings.event_ts_min)
            spooled = spool(read(units, reading), table.table, load_id, scratch)
            delivered[table.table] = Delivered(delivery.days, spooled.counts, reading.fields)
            files[table.table] = spooled.files
    left_out = sum(delivery.left_out for delivery in deliveries.values())
    return Load(load_id, mapping.name, delivered, files, scratch / "dlt", left_out)


def _deliveries(
    settings: IngestSettings, mapping: Mapping, progress: Progress
) -> dict[str, Delivery]:
    """By table, what the source has for the days: here, and only here, APIs and files meet."""
    if settings.connector == "api":
        return _from_api(settings, mapping, progress)
    return _from_files(settings, mapping)


def _from_api(
    settings: IngestSettings, mapping: Mapping, progress: Progress
) -> dict[str, Delivery]:
    """Events, and profiles where the API has them."""
    from ingestion.mapping.templates import words
    from ingestion.source.api import ApiDelivery, EventsApi, without_query
    from ingestion.source.auth import made_auth
    from ingestion.source.http_client import HttpClient  # 0.08 s, which files need not

    known = words(settings.days.last, without_query(settings.events_url))
    auth = made_auth(mapping.api.auth, settings.api_token, known)
    # One client for all tables: the API's rate limit does not tell them apart.
    client = HttpClient(auth, settings.api_concurrency, progress.step)
    deliveries: dict[str, Delivery] = {}
    for table in mapping.tables:
        endpoint = mapping.api.endpoint(table.table)
        if endpoint is None:
            continue
        is_own = table.table == "user_profiles" and bool(settings.profiles_url)
        setting = "PROFILES_URL" if is_own else "EVENTS_URL"
        url = settings.profiles_url if is_own else settings.events_url
        api = EventsApi(setting, url, table.table, endpoint, client)
        deliveries[table.table] = ApiDelivery(api, settings.days, settings.api_concurrency)
    return deliveries


def _from_files(settings: IngestSettings, mapping: Mapping) -> dict[str, Delivery]:
    """Events, and profiles where PROFILES_URL names them."""
    from ingestion.source.files import find_files

    deliveries: dict[str, Delivery] = {
        "events": find_files("EVENTS_URL", settings.events_url, settings.days, mapping.events)
    }
    if settings.profiles_url and mapping.profiles:
        deliveries["user_profiles"] = find_files(
            "PROFILES_URL", settings.profiles_url, settings.days, mapping.profiles
        )
    return deliveries


def _shown_by_day(units: Iterator[Unit], progress: Progress, table: TableMapping) -> Iterator[Unit]:
    """The units, while the progress display counts the days of events."""
    for unit in units:
        if table.table == "events":
            progress.day(unit.day)
        yield unit


@contextmanager
def _shown(progress: Progress) -> Iterator[None]:
    """The bar is removed also before an error is printed: it hides the cursor."""
    try:
        yield
    finally:
        progress.done()


@contextmanager
def _postgres_errors(warehouse: Warehouse) -> Iterator[None]:
    """Not allowed to, or cut off: one line."""
    try:
        yield
    except (InsufficientPrivilege, OperationalError) as error:
        kind = Unavailable if isinstance(error, OperationalError) else UserError
        reason = " ".join(str(error).split())
        raise kind(f"PGUSER={warehouse.user}: the load into Postgres failed: {reason}") from None


def _judged(
    db: Connection,
    settings: IngestSettings,
    mapping: Mapping,
    delivered: dict[str, Delivered],
) -> list[str]:
    """What is different from the source's last load, for people.

    Raises:
        UserError: a field that the mapping needs is gone, or too much would be quarantined.
    """
    drift: list[str] = []
    for table in mapping.tables:
        if table.table not in delivered:
            continue
        received = delivered[table.table]
        before = previous_fields(db, mapping.name, table.table)
        refuse_lost_fields(mapping.name, table, before, received.fields)
        drift += changes(before, received.fields)
        if table.table == "events":
            refuse_too_many_rejects(
                mapping.name, settings.max_quarantined, received.counts.rejected, received.total
            )
    return drift
