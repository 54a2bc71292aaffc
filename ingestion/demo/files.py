"""The demo's events as files: the project's own record, and a shop's that nobody has described."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from core.days import DayRange
from core.errors import UserError
from ingestion.demo.product import Product, Record

# Always the same days: the counts in the documents are those that everybody gets.
DAYS = DayRange.inclusive(date(2025, 3, 13), date(2025, 3, 15))
WORDS = {
    "page_view": "looked",
    "search": "searched",
    "product_view": "looked closer",
    "add_to_cart": "took",
    "checkout": "paid",
    "purchase": "bought",
}


def write_demo_files(folder: Path) -> dict[str, int]:
    """Write the files of DAYS anew, byte by byte the same each time.

    Args:
        folder: gets `events/` (JSON lines, packed), `profiles/` (CSV) and `shop/` (CSV with
            semicolons, names, times and types of its own, and no ids).

    Returns:
        By folder, the records in it.

    Raises:
        UserError: it cannot be written.
    """
    product = Product()
    written = {}
    try:
        for name, suffix, content in (
            ("events", ".jsonl.gz", _events),
            ("profiles", ".csv", _profiles),
            ("shop", ".csv", _shop),
        ):
            place = folder / name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            written[name] = sum(
                _written(place / f"{day}{suffix}", content, product, day) for day in DAYS
            )
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return written


def _written(
    place: Path, content: Callable[[Product, date], tuple[bytes, int]], product: Product, day: date
) -> int:
    text, records = content(product, day)
    # No time in the packed file: its bytes are its content's alone.
    place.write_bytes(gzip.compress(text, mtime=0) if place.suffix == ".gz" else text)
    return records


def _events(product: Product, day: date) -> tuple[bytes, int]:
    records = product.delivered_events(day)
    return "".join(f"{json.dumps(record)}\n" for record in records).encode(), len(records)


def _profiles(product: Product, day: date) -> tuple[bytes, int]:
    records = list(product.delivered_profiles(day))
    return _table([[*records[0]], *([*record.values()] for record in records)], ","), len(records)


def _shop(product: Product, day: date) -> tuple[bytes, int]:
    """What the same users did, as somebody's till writes it."""
    rows = [_sold(each) for each in product.delivered_events(day) if _is_whole(each)]
    names = ["When", "Customer No", "What", "Country", "Article", "Amount"]
    return _table([names, *rows], ";"), len(rows)


def _is_whole(event: Record) -> bool:
    return bool(event.get("user_id") and event.get("event_type") and event["event_ts"][0] == "2")


def _sold(event: Record) -> list[str]:
    at = datetime.fromisoformat(event["event_ts"])
    more = event["properties"]
    return [
        f"{at:%d.%m.%Y %H:%M:%S}",
        event["user_id"].removeprefix("user-").lstrip("0") or "0",
        WORDS[event["event_type"]],
        {"us-east": "US", "eu-west": "IE", "ap-south": "IN"}[event["region"]],
        more.get("sku", ""),
        str(more.get("amount", "")).replace(".", ","),
    ]


def _table(rows: list[list[str]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
