"""What all windows of a source have seen of ends: whether the place that names a next page is there
at all, or only misspelt."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from dlt.common import jsonpath

from core.errors import UserError
from ingestion.mapping.api_shape import REFERENCES, Paginator
from ingestion.source.more import Sign, signs_of_more
from ingestion.source.page import Page
from ingestion.source.unit import PageEnds

# As many records as the fullest page has, in several windows: that may be what an API gives at
# most. Below ten it is chance.
FULL = 10


class Ends:
    """Of one table of a source; several threads may share it."""

    def __init__(self, paginator: Paginator, where: str, before: PageEnds) -> None:
        """Args:
        paginator: how the API is paged.
        where: the setting and address, for messages.
        before: what earlier loads have seen.
        """
        self._paginator = paginator
        self._where = where
        self._lock = threading.Lock()
        self._place = before.place
        self._is_known = before.is_seen
        self._pending: list[str] = []
        self._windows: dict[int, set[str]] = defaultdict(set)
        self._windows[before.fullest].add(before.fullest_window)

    @property
    def seen(self) -> PageEnds:
        """What is known now."""
        fullest = max(self._windows)
        return PageEnds(self._place, self._is_known, fullest, min(self._windows[fullest]))

    def reference(self, page: Page) -> tuple[bool, Any]:
        """Whether the page has a place for what names the next one, be it null, and what is
        there."""
        is_there, value = self._found(page)
        if is_there:
            with self._lock:
                self._is_known = True
        return is_there, value

    def _found(self, page: Page) -> tuple[bool, Any]:
        paginator = self._paginator
        name, default = REFERENCES[paginator.type]
        place = paginator.arguments.get(name, default)
        if paginator.type == "header_cursor":
            return place in page.headers, page.headers.get(place)
        if paginator.type == "header_link":
            # Links without a next one are an end, unless there is one by another name.
            links = page.links
            return bool(links) and (place in links or "next" not in links), links.get(place)
        found = jsonpath.find_values(place, page.body)
        return bool(found), found[0] if found else None

    def unseen(self, page: Page, what: str, came: tuple[int, int], sent: dict[str, Any]) -> None:
        """A window has ended where nothing was found that would have named another page.

        Args:
            page: its last.
            what: which window, for messages.
            came: its records and pages.
            sent: the parameters and the body with which the page was asked for.

        Raises:
            UserError: the page has a sign of another one.
        """
        with self._lock:
            if self._is_known:
                return
        records, pages = came
        if not self._paginator.total_path:
            for sign in signs_of_more(page, records, pages, sent):
                raise self._refused(what, sign)
        with self._lock:
            self._windows[page.count].add(what)
            if records:
                self._pending.append(what)

    def check(self) -> None:
        """When all windows have come: the place was in some page, or the mapping says that it need
        not be.

        Raises:
            UserError: it was in none, so each window may have lacked all but its first page.
        """
        paginator = self._paginator
        if not self._pending or self._is_known:
            return
        fullest = max(self._windows)
        if fullest >= FULL and len(self._windows[fullest]) > 1 and not paginator.total_path:
            sign = Sign(f"{fullest} records, as many as in another window", "{ … }")
            raise self._refused(self._pending[0], sign)
        if paginator.type in REFERENCES and not paginator.cursor_optional:
            in_table = "" if "shown" in paginator.arguments else " paginator"
            raise UserError(
                f"{self._where}: no page has {paginator.setting} (first of {self._pending[0]}), so"
                " nothing says which page is the last; if pages without it are whole, write"
                f" cursor_optional = true in [api]{in_table}"
            )

    def _refused(self, what: str, sign: Sign) -> UserError:
        """What was seen, and what to write."""
        looked = "no paginator is declared"
        if self._paginator.type in REFERENCES:
            looked = f"{self._paginator.setting} is not there"
        elif self._paginator.is_declared:
            looked = "a single page is declared"
        return UserError(
            f"{self._where}: {what} may have more pages: {looked}, but the answer has {sign.seen};"
            f" write in [api]: paginator = {sign.paginator}"
        )
