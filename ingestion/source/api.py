"""SOURCE=api: the events API's windows, several at a time, each kept as a file of JSON lines.

The pages of a window follow each other, so what runs at the same time is windows. One that has
come whole lies on the disk as the records' lines; from there on it is read like any other file.
Memory holds a page per thread, the disk a few windows, and no record becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from core.days import DayRange, Window
from core.errors import UserError
from ingestion.mapping.api_shape import Endpoint
from ingestion.mapping.templates import INSTANTS, filled, named_words, words
from ingestion.source.ends import Ends
from ingestion.source.fetching import fetched_ahead
from ingestion.source.fingerprints import digested
from ingestion.source.http_client import HttpClient
from ingestion.source.page import Page, PageReader
from ingestion.source.paging import Chain, made_paginator
from ingestion.source.unit import Found, PageEnds, Unit, UnitKey
from ingestion.source.windows import windows_every

# For whether a request can be made at all, before the first one is sent.
SOME_DAY = Window.of_days(DayRange.of(date(2000, 1, 1)))


def without_query(url: str) -> str:
    """What {base} stands for."""
    return urlsplit(url)._replace(query="", fragment="").geturl().rstrip("/")


class EventsApi:
    """One table of an events API: its address and shape, and the client that all tables share."""

    def __init__(
        self,
        setting: str,
        base_url: str,
        table: str,
        endpoint: Endpoint,
        client: HttpClient,
        ends: PageEnds,
    ) -> None:
        """Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        base_url: what the path is appended to; a query in it is sent each time.
        table: "events" or "user_profiles".
        endpoint: how the table is asked for.
        client: does the requests.
        ends: what earlier loads have seen of its pages.

        Raises:
            UserError: the mapping's paginator is none, or a variable is not set.
        """
        self._base = without_query(base_url)
        self._query = dict(parse_qsl(urlsplit(base_url).query, keep_blank_values=True))
        self._endpoint = endpoint
        self._where = f"{setting}={self._address(endpoint.path)}"
        self._ends = Ends(endpoint.paginator, self._where, ends)
        made_paginator(endpoint.paginator, self._where)
        self._request(SOME_DAY)
        self._reader = PageReader(self._where, endpoint.data_selector, endpoint.format)
        self.table = table
        self.client = client

    def close(self) -> None:
        """Read no more pages."""
        self._reader.close()

    @property
    def ends(self) -> PageEnds:
        """What is known of its pages."""
        return self._ends.seen

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

    def windows(self, asked: Window) -> list[Window]:
        """What is asked for, one after the other.

        Raises:
            UserError: several would get the same answer, or hours are asked for that it has not.
        """
        endpoint = self._endpoint
        windows = windows_every(endpoint.window, self._where, asked)
        named = named_words([endpoint.path, endpoint.params, endpoint.headers, endpoint.json])
        telling = {*INSTANTS} if endpoint.window == "hour" else {*INSTANTS, "date"}
        if len(windows) > 1 and not named & telling:
            words = ", ".join(f"{{{word}}}" for word in sorted(telling))
            raise UserError(
                f"{self._where}: nothing that [api] sends says which {endpoint.window} is meant, "
                f"and {len(windows)} are asked for: use one of {words} in path, params, headers or "
                "json"
            )
        return windows

    @property
    def region(self) -> str:
        """The one that its address asks for, "" for all."""
        return self._query.get("region", "")

    def _request(self, window: Window) -> requests.Request:
        """For the first page of a window."""
        known, endpoint = words(window, self._base), self._endpoint
        params = {key: _text(value) for key, value in filled(endpoint.params, known).items()}
        headers = {key: str(_text(value)) for key, value in filled(endpoint.headers, known).items()}
        return requests.Request(
            endpoint.method,
            self._address(str(filled(endpoint.path, known))),
            headers=headers,
            params=self._query | params,
            json=deepcopy(filled(endpoint.json, known)),
        )

    def fetch(self, window: Window, target: Path) -> int:
        """Write a window's records as JSON lines, page by page.

        A page that fails is asked for again: what has come stays.

        Args:
            window: what to ask for.
            target: the file to write.

        Returns:
            The bytes written.

        Raises:
            UserError: the API is down, refuses, answers something else, goes in circles, or does
                not say where it ends.
        """

        with target.open("wb") as file:
            for page in self.pages(window):
                if page.lines:
                    file.write(page.lines.encode() + b"\n")
            return file.tell()

    def pages(self, window: Window) -> Iterator[Page]:
        """The pages of a window, from the first to the last; UserError as `fetch`."""

        def ask(request: requests.Request, number: int) -> Page:
            what = f"{window}" if number == 1 else f"page {number} of {window}"
            return self.client.ask(
                request, self._where, what, lambda reply: self._reader.read(reply, f"{window}")
            )

        chain = Chain(self._endpoint, self._where, f"{window}", self._ends)
        return chain.pages(ask, self._request(window))


def _text(value: Any) -> Any:
    """A parameter as it is written in a URL."""
    return str(value).lower() if isinstance(value, bool) else value


@dataclass(frozen=True)
class ApiDelivery:
    """What an API has for every window of a range, also for those of which it has nothing."""

    api: EventsApi
    asked: list[Window]
    concurrency: int
    left_out: int = 0  # an API has no files

    @property
    def ends(self) -> PageEnds:
        """See `Delivery.ends`."""
        return self.api.ends

    @property
    def found(self) -> list[Found]:
        """Every window: what an API has is known when it was asked."""
        region = self.api.region
        suffix = f" region={region}" if region else ""
        return [
            Found(UnitKey(f"{window}{suffix}", window, region), f"{window}.jsonl", window.days.last)
            for window in self.asked
        ]

    def is_named(self, url: str) -> bool:
        """No: an API has windows."""
        return False

    def units(self, wanted: Sequence[Found], scratch: Path) -> Iterator[tuple[Found, Unit]]:
        """See `Delivery.units`; `concurrency` at a time, twice as many lie on the disk."""

        def fetch(found: Found) -> tuple[Found, Unit]:
            window = windows[found.key]
            path = scratch / f"{self.api.table}-{window}.jsonl"
            size = self.api.fetch(window, path)
            unit = Unit(found.url, path, "jsonl", found.day, size, is_copy=True, is_known=True)
            return found, replace(unit, digest=digested(path))

        windows = dict(zip((found.key for found in self.found), self.asked, strict=True))

        try:
            yield from fetched_ahead(
                fetch,
                wanted,
                threads=self.concurrency,
                weigh=lambda found: 1,
                capacity=2 * self.concurrency,
                give_up=self.api.client.stop,
            )
            self.api.check_ends()
        finally:
            self.api.close()
