"""What the tests share: writing deliveries, running the pipeline, and an independent oracle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from core.days import DayRange, parse_range
from core.progress import Progress
from core.warehouse.connection import Warehouse
from core.warehouse.server import warehouse
from ingestion.ingest import IngestResult, ingest
from ingestion.settings import IngestSettings
from transform.build import build_arguments, run_dbt, transform, why_it_failed

Record = dict[str, Any]
Row = tuple[Any, ...]
Result = TypeVar("Result")

FACTS = """
    select event_id, user_id, event_type, event_ts, event_date::text, region, user_tier,
        user_region, properties, ingest_date::text
    from analytics.fact_events order by event_date, user_id, event_id
"""


def event(event_id: str, ts: str, **other: Any) -> Record:
    """A canonical event record; `other` overrides or adds fields."""
    return {
        "event_id": event_id,
        "user_id": "u1",
        "event_type": "click",
        "event_ts": ts,
        "region": "us-east",
        "properties": {"id": event_id},
    } | other


def deliver(folder: Path, day: str, records: Iterable[Record | str]) -> None:
    """Write a day's file; a string is a raw line."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    (folder / f"{day}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def ingest_files(
    warehouse: Warehouse,
    events_url: Path | str,
    first: str,
    last: str | None = None,
    *,
    mapping: str = "canonical",
    profiles_url: Path | str = "",
    progress: Progress | None = None,
    max_quarantined: float = 0.5,
) -> IngestResult:
    """Ingest files of FROM to TO; a folder stands for its `%Y-%m-%d.jsonl`."""

    def template(url: Path | str) -> str:
        return str(url / "%Y-%m-%d.jsonl") if isinstance(url, Path) else url

    settings = IngestSettings(
        days=parse_range(first, last or first),
        connector="files",
        mapping=mapping,
        events_url=template(events_url),
        profiles_url=template(profiles_url),
        api_token="",
        max_quarantined=max_quarantined,
    )
    return ingest(settings, warehouse, progress or Progress())


def build(first: str | None = None, last: str | None = None) -> str:
    """`make transform`, in this process."""
    days: DayRange | None = parse_range(first, last or first) if first else None
    return in_thread(transform, warehouse(), days, Progress())


def full_refresh() -> None:
    """`dbt build --full-refresh`, in this process; without unit tests, which are of the code."""
    results = in_thread(run_dbt, warehouse(), [*build_arguments(None), "--full-refresh"])
    assert why_it_failed(results)[0] == ""


def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call dbt in a thread of its own: it reads the whole stack, frame by frame, deep under
    pytest (a quarter of the time) and deeper under Hypothesis (three quarters)."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()


def query(warehouse: Warehouse, sql: str, *parameters: Any) -> list[Row]:
    """All rows of a query."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall())


@contextmanager
def held(warehouse: Warehouse, table: str) -> Iterator[None]:
    """Nobody else can touch a table."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        db.autocommit = False
        cursor.execute(f"lock table {table} in access exclusive mode")
        yield


def winners(
    deliveries: dict[str, Iterable[Record]],
) -> dict[tuple[str, str, str], tuple[str, Record]]:
    """The oracle of dedup, straight from the rule: (event day, user, event id) -> (ingest day,
    record). Knows nothing of the project's code."""
    best: dict[tuple[str, str, str], tuple[tuple[str, datetime, str], str, Record]] = {}
    for ingest_day, records in deliveries.items():
        for record in records:
            ts = datetime.fromisoformat(record["event_ts"]).astimezone(UTC)
            key = (ts.date().isoformat(), record["user_id"], record["event_id"])
            rank = (ingest_day, ts, json.dumps(record["properties"], sort_keys=True))
            if key not in best or rank > best[key][0]:
                best[key] = (rank, ingest_day, record)
    return {key: (ingest_day, record) for key, (_, ingest_day, record) in best.items()}
