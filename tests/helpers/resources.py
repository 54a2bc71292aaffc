"""Resources of dlt that a test writes, and what lands of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.warehouse.connection import Warehouse
from ingestion.ingest import IngestResult
from ingestion.mapping.mapping import SHIPPED
from tests.helpers.units import D1, take

HEAD = """
import dlt
from datetime import date, datetime, timezone
def event(name, day="2026-01-01", **more):
    return {"event_id": name, "user_id": 7, "event_type": "v", "region": "eu",
            "event_ts": f"{day}T01:00:00Z"} | more
"""
WINDOWED = """
@dlt.resource(name="events", primary_key="event_id", write_disposition="append")
def events(start: datetime, end: datetime):
    assert start.tzinfo and (end - start).days == 1
    yield [event(f"{start:%d}-{n}", f"{start:%Y-%m-%d}") for n in range(3)]
    yield event(f"{start:%d}-last", f"{start:%Y-%m-%d}")
"""


def land(
    warehouse: Warehouse,
    resource: str,
    *days: str,
    mapping: Path | str = "canonical",
    **more: Any,
) -> IngestResult:
    """`make ingest SOURCE=dlt`."""
    first, last = (*days, *days)[:2] if days else (D1, D1)
    more = {"connector": "dlt", "resource": resource, "mapping": str(mapping)} | more
    return take(warehouse, "", first, last, **more)


def mapping_with(tmp_path: Path, extra: str) -> Path:
    """The canonical mapping with more."""
    path = tmp_path / "canonical.toml"
    path.write_text((SHIPPED / "canonical.toml").read_text() + extra)
    return path
