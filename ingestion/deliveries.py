"""What a source has for a range: here, and only here, APIs, files and resources of dlt meet."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Mapped
from dataclasses import dataclass

from core.progress import Progress
from ingestion.mapping.mapping import Mapping
from ingestion.settings import IngestSettings
from ingestion.source.unit import Delivery, PageEnds

Seen = Callable[[str, str], PageEnds]


@dataclass(frozen=True)
class Look:
    """What a source was just found to have.

    `deliveries`: by table. `held`: the places of units that are left as they are: they are being
    written, or cannot be read.
    """

    deliveries: Mapped[str, Delivery]
    held: frozenset[str] = frozenset()


def deliveries(
    settings: IngestSettings,
    mapping: Mapping,
    progress: Progress,
    seen: Seen,
    spend: Callable[[], None] = lambda: None,
) -> dict[str, Delivery]:
    """By table, the units that are there. An API is asked later, unit by unit.

    Args:
        settings: where, and for which hours.
        mapping: what the source is like.
        progress: is told what goes on.
        seen: of a table and the place where its next page is named, what earlier loads have seen.
        spend: called before each request to an API; what it raises ends the load.

    Raises:
        UserError: a setting is wrong, or there is nothing.
    """
    if settings.connector == "api":
        return _from_api(settings, mapping, progress, seen, spend)
    if settings.connector == "dlt":
        return _from_dlt(settings, mapping)
    return _from_files(settings, mapping)


def _from_api(
    settings: IngestSettings,
    mapping: Mapping,
    progress: Progress,
    seen: Seen,
    spend: Callable[[], None] = lambda: None,
) -> dict[str, Delivery]:
    """Events, and profiles where the API has them."""
    from ingestion.mapping.templates import words
    from ingestion.source.api import ApiDelivery, EventsApi, without_query
    from ingestion.source.auth import made_auth
    from ingestion.source.http_client import HttpClient  # 0.08 s, which files need not

    known = words(settings.asked, without_query(settings.events_url))
    auth = made_auth(mapping.api.auth, settings.api_token, known)
    # One client for all tables: the API's rate limit does not tell them apart.
    client = HttpClient(auth, settings.api_concurrency, progress.step, spend)
    found: dict[str, Delivery] = {}
    for table in mapping.tables:
        endpoint = mapping.api.endpoint(table.table)
        if endpoint is None:
            continue
        is_own = table.table == "user_profiles" and bool(settings.profiles_url)
        setting = "PROFILES_URL" if is_own else "EVENTS_URL"
        url = settings.profiles_url if is_own else settings.events_url
        ends = seen(table.table, f"{endpoint.paginator.type} {endpoint.paginator.setting}")
        api = EventsApi(setting, url, table.table, endpoint, client, ends)
        asked = api.windows(settings.asked)
        found[table.table] = ApiDelivery(api, asked, settings.api_concurrency)
    return found


def _from_dlt(settings: IngestSettings, mapping: Mapping) -> dict[str, Delivery]:
    """Events, and profiles where the mapping names their resource."""
    from ingestion.source.resource import find_resource, resource_delivery  # dlt: 0.3 s

    resource = find_resource(settings.resource)
    return {
        table.table: resource_delivery(resource, mapping.dlt, table.table, settings.asked)
        for table in mapping.tables
        if table.table == "events" or mapping.dlt.profiles
    }


def _from_files(settings: IngestSettings, mapping: Mapping) -> dict[str, Delivery]:
    """Events, and profiles where PROFILES_URL names them."""
    from ingestion.source.files import find_files

    asked = settings.asked
    found: dict[str, Delivery] = {
        "events": find_files("EVENTS_URL", settings.events_url, asked, mapping.events)
    }
    if settings.profiles_url and mapping.profiles:
        found["user_profiles"] = find_files(
            "PROFILES_URL", settings.profiles_url, asked, mapping.profiles
        )
    return found
