"""How an API is paged: each page leads to the next one, until a sign says that it was the last.

The next request is made by dlt's paginators; what an end is, is decided here. A page is the last
only by a sign that the paginator knows, and never because something was not found.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.rest_client import paginators as dlt_paginators
from jsonpath_ng.exceptions import JSONPathError

from core.errors import UserError
from ingestion.mapping.api_shape import COUNTED, REFERENCES, Endpoint, Paginator
from ingestion.source.ends import Ends
from ingestion.source.more import signs_of_more
from ingestion.source.page import Page

# Pages of one record may say the same: duplicates are the source's right. So often, they go round.
SAME_RECORD = 100
# So many pages in a row without a record, each of which names a next one, are no way to an end.
EMPTY_PAGES = 100
CLASSES: dict[str, Callable[..., dlt_paginators.BasePaginator]] = {
    "cursor": dlt_paginators.JSONResponseCursorPaginator,
    "json_link": dlt_paginators.JSONLinkPaginator,
    "header_link": dlt_paginators.HeaderLinkPaginator,
    "header_cursor": dlt_paginators.HeaderCursorPaginator,
    "offset": dlt_paginators.OffsetPaginator,
    "page_number": dlt_paginators.PageNumberPaginator,
    "single_page": dlt_paginators.SinglePagePaginator,
}
Ask = Callable[[requests.Request, int], Page]


class _Response(requests.Response):
    """What dlt's paginators see of a page: all but the records."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.headers.update(page.headers)
        self._page = page

    def json(self, **_: Any) -> Any:
        return self._page.body

    @property
    def links(self) -> dict[Any, Any]:
        return {rel: {"url": url} for rel, url in self._page.links.items()}


def made_paginator(paginator: Paginator, where: str) -> dlt_paginators.BasePaginator:
    """dlt's paginator for one window.

    Raises:
        UserError: dlt refuses its arguments.
    """
    arguments = {key: value for key, value in paginator.arguments.items() if key != "shown"}
    if paginator.type in COUNTED:
        # An end is decided here; dlt's own check of the total raises where there is none.
        arguments |= {"total_path": None, "stop_after_empty_page": True}
    try:
        return CLASSES[paginator.type](**arguments)
    except (JSONPathError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{where}: [api] paginator of type {paginator.type!r}: {reason}") from None


class Chain:
    """The pages of one window."""

    def __init__(self, endpoint: Endpoint, where: str, what: str, ends: Ends) -> None:
        """Args:
        endpoint: how the API is paged.
        where: the setting and address, for messages.
        what: which window, for messages.
        ends: what all windows of the load have seen.
        """
        self._paginator = endpoint.paginator
        self._dlt = made_paginator(self._paginator, where)
        self._where = where
        self._what = what
        self._ends = ends
        self._asked: set[str] = set()
        self._seen: dict[int, list[int]] = defaultdict(list)
        self._pages = self._filled = self._records = self._empty = 0
        self._total: int | None = None

    def pages(self, ask: Ask, request: requests.Request) -> Iterator[Page]:
        """From the first to the last.

        Args:
            ask: gets a page by its request and number.
            request: of the first page.

        Raises:
            UserError: the pages go in circles, or do not end as they should.
        """
        origin = _origin(request)
        self._dlt.init_request(request)
        goes_on = True
        while goes_on:
            self._refuse_other_host(request, origin)
            self._pages += 1
            page = ask(request, self._pages)
            self._count(page)
            goes_on = self._goes_on(page, request)
            yield page
            if goes_on:
                self._dlt.update_request(request)
                self._refuse_asked_again(request)
        self._check_total()

    def _error(self, reason: str) -> UserError:
        return UserError(f"{self._where}: {reason}")

    def _refuse_other_host(self, request: requests.Request, origin: tuple[str, str]) -> None:
        """Who asks is told to one host alone."""
        if _origin(request) != origin:
            host = _origin(request)[1]
            raise self._error(f"page {self._pages} of {self._what} leads to another host, {host!r}")

    def _refuse_asked_again(self, request: requests.Request) -> None:
        asked = repr((request.url, request.params, request.json))
        if asked in self._asked:
            raise self._error(f"the cursor goes round in a circle on {self._what}")
        self._asked.add(asked)

    def _count(self, page: Page) -> None:
        """Add a page up.

        Raises:
            UserError: its records have come before, or no records come for too long.
        """
        self._records += page.count
        self._filled += page.count > 0
        self._empty = 0 if page.count else self._empty + 1
        if page.count:
            same = self._seen[hash(frozenset(page.lines.split("\n")))]
            same.append(self._pages)
            if len(same) > (1 if page.count > 1 else SAME_RECORD):
                raise self._error(f"page {self._pages} of {self._what} repeats page {same[0]}")
        if self._empty > EMPTY_PAGES:
            raise self._error(
                f"{EMPTY_PAGES} empty pages in a row on {self._what}, and each names a next one:"
                " say has_more_path or stop_after_empty_page = true in [api] paginator"
            )
        if self._paginator.total_path:
            self._total = self._number(self._paginator.total_path, page)

    def _number(self, path: str, page: Page) -> int | None:
        """The total that a page says; what an earlier one said, where it says none."""
        found = jsonpath.find_values(path, page.body)
        if not found or found[0] is None:
            return self._total
        total = str(found[0]).removesuffix(".0")  # some languages have no other numbers
        if not re.fullmatch(r"-?[0-9]+", total):
            raise self._error(f"total_path={path!r} is {found[0]!r} on {self._what}, not a number")
        return int(total)

    def _goes_on(self, page: Page, request: requests.Request) -> bool:
        """Whether there is another page, by the signs that the paginator knows.

        Raises:
            UserError: there may be one, and it cannot be asked for.
        """
        paginator = self._paginator
        if page.is_bare and not paginator.type.startswith("header_"):
            return False
        has_more = self._has_more(page)
        if has_more is False:
            return False
        if paginator.stop_after_empty_page and not page.count and has_more is None:
            if paginator.type in COUNTED:
                self._refuse_false_start(page, request)
            return False
        if paginator.type in REFERENCES:
            return self._refers(page, request, has_more)
        if paginator.type == "single_page":
            if has_more:
                raise self._error(f"{paginator.has_more_path} = true on {self._what}")
            self._ends.unseen(page, self._what, (self._records, self._pages), _sent(request))
            return False
        return self._counts(page)

    def _refuse_false_start(self, page: Page, request: requests.Request) -> None:
        """A window whose pages are all empty, and which says that there are more: page 0 of an API
        that counts from 1 may be such a one."""
        for sign in signs_of_more(page, self._records, self._pages, _sent(request)):
            if not self._records and not sign.is_count:
                raise self._error(
                    f"{self._what} begins with an empty page, but the answer has {sign.seen}: does"
                    " the API count from where base_page, page or offset in [api] paginator says?"
                )

    def _has_more(self, page: Page) -> bool | None:
        """What has_more_path says; None where there is no such setting."""
        path = self._paginator.has_more_path
        if not path:
            return None
        found = jsonpath.find_values(path, page.body)
        word = str(found[0]).lower() if found else "not there"
        if word not in ("true", "false"):
            raise self._error(
                f"has_more_path={path!r} is {word} on {self._what}, not true or false"
            )
        return word == "true"

    def _refers(self, page: Page, request: requests.Request, has_more: bool | None) -> bool:
        """Of a cursor or a link."""
        is_known, value = self._ends.reference(page)
        if value is not None and not isinstance(value, str | int | float):
            raise self._error(f"{self._paginator.setting} is no text or number on {self._what}")
        if value:
            self._dlt.update_state(_Response(page), [None] * min(page.count, 1))
            return True
        if has_more:
            raise self._error(
                f"{self._paginator.has_more_path} = true on {self._what}, and"
                f" {self._paginator.setting} is not there"
            )
        if not is_known:
            self._ends.unseen(page, self._what, (self._records, self._pages), _sent(request))
        return False

    def _counts(self, page: Page) -> bool:
        """Of pages or records that are counted."""
        if self._total is not None:
            came = self._records if self._paginator.type == "offset" else self._pages
            if came + self._paginator.arguments.get("offset", 0) >= self._total:
                return False
        if isinstance(self._dlt, dlt_paginators.OffsetPaginator):
            # An API may give less than the limit that was asked for: no record is stepped over.
            self._dlt.value_step = page.count or self._dlt.limit
        self._dlt.update_state(_Response(page), [None])
        if not self._dlt.has_next_page:
            raise self._error(
                f"page {self._pages} of {self._what} is the last that maximum_page or"
                " maximum_offset allows, and nothing says that it is the API's last"
            )
        return True

    def _check_total(self) -> None:
        """A total that does not agree with what came is refused."""
        path, total = self._paginator.total_path, self._total
        if not path or (total is None and not self._records):
            return
        if total is None:
            raise self._error(f"no page of {self._what} has a total at total_path={path!r}")
        came = self._records + self._paginator.arguments.get("offset", 0)
        is_right = total == came
        shown = f"{self._records} records"
        if self._paginator.type == "page_number":
            is_right |= total == self._filled or (not self._records and total <= 1)
            shown += f" on {self._filled} pages"
        if not is_right:
            raise self._error(f"total_path={path!r} says {total} on {self._what}, and {shown} came")


def _origin(request: requests.Request) -> tuple[str, str]:
    """Scheme and host."""
    parts = urlsplit(str(request.url))
    return parts.scheme, parts.netloc


def _sent(request: requests.Request) -> dict[str, Any]:
    """The parameters, and the top of the body."""
    params = request.params if isinstance(request.params, dict) else {}
    body = request.json if isinstance(request.json, dict) else {}
    return params | body
