"""SOURCE=api: the events API's days, several at a time, each kept as a file of JSON lines.

The pages of a day are a chain of cursors, so what runs at the same time is days. A day that has
come whole lies on the disk as the records' lines; from there on it is read like any other file.
Memory holds a page per thread, the disk a few days, and no record becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from core.days import DayRange
from ingestion.mapping.mapping import ApiShape
from ingestion.source.fetching import fetched_ahead
from ingestion.source.http_client import HttpClient
from ingestion.source.page import Page, PageReader
from ingestion.source.paging import follow_pages
from ingestion.source.unit import Unit


class EventsApi:
    """One table of an events API: its address and shape, and the client that all tables share."""

    def __init__(
        self, setting: str, base_url: str, table: str, shape: ApiShape, client: HttpClient
    ) -> None:
        """Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        base_url: what the paths of `shape` are appended to; a query in it is sent each time.
        table: "events" or "user_profiles".
        shape: what the API calls things.
        client: does the requests.
        """
        is_events = table == "events"
        path = shape.events_path if is_events else shape.profiles_path
        key = shape.events_key if is_events else shape.profiles_key
        parts = urlsplit(base_url)
        self._url = parts._replace(path=parts.path.rstrip("/") + "/" + path.lstrip("/")).geturl()
        self._where = f"{setting}={self._url}"
        self._shape = shape
        self._reader = PageReader(self._where, key, shape.cursor_path)
        self.table = table
        self.client = client

    def close(self) -> None:
        """Read no more pages."""
        self._reader.close()

    def fetch_day(self, day: date, target: Path) -> int:
        """Write a UTC day's records as JSON lines, page by page.

        A page that fails is asked for again by its cursor: what has come stays.

        Args:
            day: the delivery day to ask for.
            target: the file to write.

        Returns:
            The bytes written.

        Raises:
            UserError: the API is down, refuses, answers something else, or goes in circles.
        """

        def ask(cursor: str | None, number: int) -> Page:
            params = {self._shape.date_param: day.isoformat()}
            if cursor is not None:
                params[self._shape.cursor_param] = cursor
            what = f"{day}" if number == 1 else f"page {number} of {day}"
            return self.client.get(
                self._where, self._url, params, what, lambda body: self._reader.read(body, day)
            )

        with target.open("wb") as file:
            for page in follow_pages(ask, self._where, f"{day}"):
                if page.lines:
                    file.write(page.lines.encode() + b"\n")
            return file.tell()


@dataclass(frozen=True)
class ApiDelivery:
    """What an API has for every day of a range, also for those of which it has nothing."""

    api: EventsApi
    range: DayRange
    concurrency: int

    @property
    def days(self) -> set[date]:
        """All of the range."""
        return set(self.range)

    @property
    def left_out(self) -> int:
        """None: an API has no files."""
        return 0

    def units(self, scratch: Path) -> Iterator[Unit]:
        """See `Delivery.units`; `concurrency` days at a time, twice as many lie on the disk."""

        def fetch(day: date) -> Unit:
            path = scratch / f"{self.api.table}-{day}.jsonl"
            size = self.api.fetch_day(day, path)
            return Unit(f"{day}.jsonl", path, "jsonl", day, size, is_copy=True, is_known=True)

        try:
            yield from fetched_ahead(
                fetch,
                self.range,
                threads=self.concurrency,
                weigh=lambda day: 1,
                capacity=2 * self.concurrency,
                give_up=self.api.client.stop,
            )
        finally:
            self.api.close()
