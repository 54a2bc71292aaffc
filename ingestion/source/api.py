"""SOURCE=api: the events API's days, several at a time, each kept as a file of JSON lines.

The pages of a day follow each other, so what runs at the same time is days. A day that has
come whole lies on the disk as the records' lines; from there on it is read like any other file.
Memory holds a page per thread, the disk a few days, and no record becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from core.days import DayRange
from ingestion.mapping.api_shape import Endpoint
from ingestion.mapping.templates import filled, words
from ingestion.source.ends import Ends
from ingestion.source.fetching import fetched_ahead
from ingestion.source.http_client import HttpClient
from ingestion.source.page import Page, PageReader
from ingestion.source.paging import Chain, made_paginator
from ingestion.source.unit import Unit


def without_query(url: str) -> str:
    """What {base} stands for."""
    return urlsplit(url)._replace(query="", fragment="").geturl().rstrip("/")


class EventsApi:
    """One table of an events API: its address and shape, and the client that all tables share."""

    def __init__(
        self, setting: str, base_url: str, table: str, endpoint: Endpoint, client: HttpClient
    ) -> None:
        """Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        base_url: what the path is appended to; a query in it is sent each time.
        table: "events" or "user_profiles".
        endpoint: how the table is asked for.
        client: does the requests.

        Raises:
            UserError: the mapping's paginator is none, or a variable is not set.
        """
        self._base = without_query(base_url)
        self._query = dict(parse_qsl(urlsplit(base_url).query, keep_blank_values=True))
        self._endpoint = endpoint
        self._where = f"{setting}={self._address(endpoint.path)}"
        self._ends = Ends(endpoint.paginator, self._where)
        made_paginator(endpoint.paginator, self._where)
        self._request(date(2000, 1, 1))
        self._reader = PageReader(self._where, endpoint.data_selector, endpoint.format)
        self.table = table
        self.client = client

    def close(self) -> None:
        """Read no more pages."""
        self._reader.close()

    def check_ends(self) -> None:
        """When all days have come.

        Raises:
            UserError: nothing ever said which page is the last.
        """
        self._ends.check()

    def _address(self, path: str) -> str:
        if path.startswith(("http://", "https://")) or not path:
            return path or self._base
        return f"{self._base}/{path.lstrip('/')}"

    def _request(self, day: date) -> requests.Request:
        """For the first page of a day."""
        known, endpoint = words(day, self._base), self._endpoint
        params = {key: _text(value) for key, value in filled(endpoint.params, known).items()}
        headers = {key: str(_text(value)) for key, value in filled(endpoint.headers, known).items()}
        return requests.Request(
            endpoint.method,
            self._address(str(filled(endpoint.path, known))),
            headers=headers,
            params=self._query | params,
            json=deepcopy(filled(endpoint.json, known)),
        )

    def fetch_day(self, day: date, target: Path) -> int:
        """Write a UTC day's records as JSON lines, page by page.

        A page that fails is asked for again: what has come stays.

        Args:
            day: the delivery day to ask for.
            target: the file to write.

        Returns:
            The bytes written.

        Raises:
            UserError: the API is down, refuses, answers something else, goes in circles, or does
                not say where it ends.
        """

        def ask(request: requests.Request, number: int) -> Page:
            what = f"{day}" if number == 1 else f"page {number} of {day}"
            return self.client.ask(
                request, self._where, what, lambda reply: self._reader.read(reply, f"{day}")
            )

        chain = Chain(self._endpoint, self._where, f"{day}", self._ends)
        with target.open("wb") as file:
            for page in chain.pages(ask, self._request(day)):
                if page.lines:
                    file.write(page.lines.encode() + b"\n")
            return file.tell()


def _text(value: Any) -> Any:
    """A parameter as it is written in a URL."""
    return str(value).lower() if isinstance(value, bool) else value


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
            self.api.check_ends()
        finally:
            self.api.close()
