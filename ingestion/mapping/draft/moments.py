"""Which way of writing times reads a field, by trying: with the queries of `mapping.times`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb

from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.mapping import EPOCHS, TableMapping
from ingestion.mapping.reading import EVENT_TS_MIN
from ingestion.mapping.times import timed

TRIED = 300  # values of a field
# Two ways that read as much but for this share are close.
CLOSE = 0.02
_DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y", "%m-%d-%Y"),
    *("%d-%m-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
    *("%Y/%m/%d", "%Y-%m-%d", "%Y.%m.%d"),
)
_CLOCKS = ("", "%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_WHOLE = (
    *("%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z"),
    *("%a, %d %b %Y %H:%M:%S %Z", "%a %b %d %H:%M:%S %Y", "%Y%m%d%H%M%S", "%Y-%m-%d-%H.%M.%S"),
)
FORMATS = (
    *(f"{day} {clock}{zone}".strip() for day in _DAYS for clock in _CLOCKS for zone in ("", " %z")),
    *_WHOLE,
)
_MAY_BE = re.compile(r"(?=.*\d)[\w\s:.,/+-]{6,64}")
_HAS_ZONE = re.compile(r"(Z|UTC|GMT|[+-]\d\d(:?\d\d)?)\s*$")
ZONED = 0.95  # of the times: then those without a zone are slips
MAX_FORMATS = 3  # for one field


@dataclass(frozen=True)
class Moments:
    """`format`: as `event_ts_format` has it. `share`: of the values that it reads to a moment that
    an event can have. `other`: a format that reads nearly as much, "" for none."""

    format: str | tuple[str, ...]
    share: float
    other: str = ""
    is_without_zone: bool = False


def moments(
    db: duckdb.DuckDBPyConnection, values: Sequence[tuple[str, date | None]], now: datetime
) -> Moments | None:
    """The best way to read a field; None where no way reads any of it.

    Args:
        db: a session whose time zone is UTC.
        values: texts, each with the UTC day that its record was delivered on.
        now: no event is later than a day after it.
    """
    step = max(1, len(values) // TRIED)
    tried = list(values)[::step][:TRIED]
    if sum(bool(_MAY_BE.fullmatch(text)) for text, _ in tried) < 0.1 * len(tried):
        return None
    db.execute("create or replace temp table given (value text, day date)")
    db.executemany("insert into given values (?, ?)", tried)
    latest = now + timedelta(days=1)
    found = [_read(db, each, latest) for each in ("iso", *EPOCHS)]
    best = max(found, key=lambda each: each.share)
    if best.share < 1 - CLOSE:
        other = _by_formats(db, latest)
        best = max(best, other, key=lambda each: each.share) if other else best
    if not best.share:
        return None
    zones = [bool(_HAS_ZONE.search(text)) and ":" in text for text, _ in tried]
    is_wall = best.format not in EPOCHS and sum(zones) < ZONED * len(zones)
    return Moments(best.format, best.share, best.other, is_wall)


def _read(
    db: duckdb.DuckDBPyConnection, time_format: str | tuple[str, ...], latest: datetime
) -> Moments:
    """What a format reads of the table `given`."""
    mapping = TableMapping("events", {}, {}, "event_ts", time_format)
    [(share,)] = db.execute(
        f"""with {timed(mapping, "value", of="given")}
        select coalesce(avg(cast(coalesce(_time between ? and ?, false) as int)), 0) from timed""",
        [EVENT_TS_MIN, latest],
    ).fetchall()
    return Moments(time_format, share)


def _by_formats(db: duckdb.DuckDBPyConnection, latest: datetime) -> Moments | None:
    """The formats that read most, each next one for what those before it leave. Of two that read
    as much, the one whose days are nearer to the days of delivery."""
    readings = ", ".join(f"try_strptime(value, {quoted(each)})" for each in FORMATS)
    rows = db.execute(
        f"""select day, list_transform([{readings}], lambda moment:
            case when moment between ? and ? then moment::date end) from given""",
        [EVENT_TS_MIN, latest.replace(tzinfo=None)],
    ).fetchall()
    left, other = list(rows), ""
    chosen: list[str] = []
    while left and len(chosen) < MAX_FORMATS:
        ranked = sorted((_rank(left, number) for number in range(len(FORMATS))), reverse=True)
        (count, distance, at), second = ranked[0], ranked[1]
        if not count or (chosen and count < 0.01 * len(rows)):
            break
        if not chosen and second[0] >= count * (1 - CLOSE) and second[1] == distance:
            other = FORMATS[-second[2]]
        chosen.append(FORMATS[-at])
        left = [row for row in left if row[1][-at] is None]
    return Moments(tuple(chosen), _read(db, tuple(chosen), latest).share, other) if chosen else None


def _rank(rows: list[tuple[date | None, list[date | None]]], number: int) -> tuple[int, float, int]:
    """How many it reads, how near to their delivery, and which it is; the first one wins."""
    read = [(day, at[number]) for day, at in rows if at[number] is not None]
    apart = [abs((at - day).days) for day, at in read if day and at]
    return len(read), -sum(apart) / len(apart) if apart else 0.0, -number
