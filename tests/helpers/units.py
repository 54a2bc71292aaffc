"""Files delivered by templates, and what the unit ledger says of them."""

from __future__ import annotations

import json
from pathlib import Path

from core.days import parse_window
from core.progress import Progress
from core.warehouse.connection import Warehouse
from ingestion.ingest import IngestResult, ingest
from ingestion.settings import IngestSettings
from tests.helpers.pipeline import build, event, query

D1, D2, D3 = "2026-01-01", "2026-01-02", "2026-01-03"
FACTS = "select event_id, ingest_date::text from analytics.fact_events order by 1"
RAW = "select event_id from raw.events order by 1"
# All that an ingestion may write; of the ledger not what it last compared.
STATE = """
    select (select json_agg(to_jsonb(u) - 'fingerprint' - 'checked_at' - 'url' order by u.*)::text
            from raw.units as u),
        (select json_agg(v order by v.*)::text from raw.day_versions as v),
        (select json_agg(d order by d.*)::text from raw.delivered_days as d),
        (select count(*) from raw.loads), (select max(xmin::text::bigint) from raw.events)
"""
LIVE = "select unit, rows from raw.units where live order by unit"


def put(place: Path, *ids: str, day: str = D1, **more: object) -> None:
    """A file with an event of each id."""
    place.parent.mkdir(parents=True, exist_ok=True)
    records = [event(name, f"{day}T01:00:00Z", **more) for name in ids]
    place.write_text("".join(json.dumps(record) + "\n" for record in records))


def take(
    warehouse: Warehouse, url: Path | str, first: str = D1, last: str | None = None, **more: object
) -> IngestResult:
    """`make ingest SOURCE=files`."""
    asked = parse_window(first, last or first)
    given = {"connector": "files", "mapping": "canonical", "profiles_url": "", "api_token": ""}
    hours = None if asked.is_days else asked
    settings = IngestSettings(
        days=asked.days, hours=hours, events_url=str(url), **{**given, **more}
    )
    return ingest(settings, warehouse, Progress())


def facts(warehouse: Warehouse) -> dict[str, str]:
    build()
    return dict(query(warehouse, FACTS))


def counts(result: IngestResult) -> tuple[int, int, int, int]:
    """Units read, unchanged, replaced and retracted."""
    table = result.events
    return len(table.read), table.unchanged, len(table.replaced), len(table.retracted)
