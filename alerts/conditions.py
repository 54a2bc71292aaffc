"""What is wrong in the warehouse now, by kind and subject, as its tables say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alerts.settings import AlertSettings
from core.days import due_day
from core.errors import UserError
from core.warehouse.connection import Warehouse
from core.warehouse.relation import read

FAILED_RUN = "failed-run"
FAILED_CHECK = "failed-check"
NOTHING_DELIVERED = "nothing-delivered"
OWED_DAYS = "owed-days"
QUARANTINE = "quarantine"
# Each is a heading of docs/runbook.md.
KINDS = (FAILED_RUN, FAILED_CHECK, NOTHING_DELIVERED, OWED_DAYS, QUARANTINE)

_DAYS_LOOKED_AT = 7  # of deliveries: what is older was told, or is history that somebody loads


@dataclass(frozen=True)
class Condition:
    """Something that is wrong. `rows`: how many, where it is of rows. `queries`: by what they show.
    `run_id`: of Dagster, where a run is meant."""

    kind: str
    subject: str
    reason: str
    days: tuple[str, ...] = ()
    rows: int | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""


def found_in(warehouse: Warehouse, settings: AlertSettings, now: datetime) -> list[Condition]:
    """What the tables say is wrong; nothing before the first build.

    Raises:
        Unavailable: the server cannot be reached: that says nothing of the days.
    """
    with closing(warehouse.connect()) as db:
        try:
            days = read(db, "analytics.event_days", "event_date")
            deliveries = read(db, "analytics.row_accounting", "ingest_date")
            changed = {
                row["day"]: row["changed_at"]
                for row in read(db, "raw.day_versions", "day")
                if row["kind"] == "event_date"
            }
        except UserError:
            return []
    before = now - timedelta(hours=settings.owed_hours)
    owed = [day for day in days if _is_owed(day, changed, before)]
    return [
        *_failed(days),
        *_owed(owed, settings.owed_hours),
        *_not_delivered(deliveries, now),
        *_quarantined(deliveries, settings.quarantine_share, now),
    ]


def _is_owed(day: Mapping[str, Any], changed: Mapping[Any, datetime], before: datetime) -> bool:
    """Not built as raw has it, or not tested, though it has not changed since."""
    is_right = day["is_up_to_date"] and day["tests_passed"] is not None
    since = changed.get(day["event_date"])
    return not is_right and since is not None and since < before


def _failed(days: list[dict[str, Any]]) -> Iterator[Condition]:
    by_test: dict[str, list[str]] = defaultdict(list)
    for day in days:
        if day["tests_passed"] is False:
            for test in (day["failed_tests"] or "a test").split(", "):
                by_test[test].append(f"{day['event_date']}")
    for test, of in by_test.items():
        query = (
            "select event_date, failed_tests, tested_at from analytics.event_days "
            "where tests_passed = false order by event_date"
        )
        reason = f"The blocking test {test} fails for {len(of)} days."
        yield Condition(FAILED_CHECK, test, reason, tuple(of), len(of), {"the days": query})


def _owed(days: list[dict[str, Any]], hours: int) -> Iterator[Condition]:
    if days:
        query = (
            "select * from analytics.event_days "
            "where not is_up_to_date or tests_passed is null order by event_date"
        )
        named = tuple(f"{day['event_date']}" for day in days)
        reason = f"{len(days)} days are not built, or not tested, {hours} hours after they changed."
        yield Condition(OWED_DAYS, "event days", reason, named, len(days), {"the days": query})


def _not_delivered(deliveries: list[dict[str, Any]], now: datetime) -> Iterator[Condition]:
    """Of a warehouse that was delivered to before: the newest day that is due has nothing."""
    due = due_day(now).start
    before = [row["ingest_date"] for row in deliveries if row["ingest_date"] <= due]
    if before and max(before) < due:
        query = "select * from raw.deliveries order by ingest_date desc limit 10"
        reason = f"Nothing was delivered for {due}; the newest delivery is of {max(before)}."
        yield Condition(
            NOTHING_DELIVERED, "raw.events", reason, (f"{due}",), 0, {"deliveries": query}
        )


def _quarantined(
    deliveries: list[dict[str, Any]], bound: float, now: datetime
) -> Iterator[Condition]:
    first = now.date() - timedelta(days=_DAYS_LOOKED_AT)
    for row in deliveries:
        many, received, day = row["quarantined"], row["received"], row["ingest_date"]
        if day >= first and received and many > bound * received:
            query = (
                "select ingest_date, reason, count(*) from analytics.quarantined_events "
                "group by 1, 2 order by 1 desc, 3 desc"
            )
            reason = f"{many:,} of {received:,} records of {day} are quarantined, more than {bound}"
            yield Condition(QUARANTINE, f"{day}", reason, (f"{day}",), many, {"reasons": query})
