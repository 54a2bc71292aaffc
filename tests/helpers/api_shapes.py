"""The shapes that APIs have: how each pages, and the mapping that reads it.

A shape is a small function from what was asked to an answer, over one list of records.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.helpers.paged_api import Call, Said

Record = dict[str, int]
Paginator = dict[str, Any] | None


@dataclass(frozen=True)
class Asked:
    """A request, the records of its window, and how many of them a page has."""

    call: Call
    records: list[Record]
    size: int

    @property
    def sent(self) -> dict[str, Any]:
        """What is in the query and the body, however deep."""
        return self.call.query | _flat(self.call.body)

    def number(self, name: str, default: int = 0) -> int:
        """A parameter."""
        return int(self.sent.get(name, default))

    def page(self, at: int, size: int = 0) -> list[Record]:
        """The records from the one at `at` on."""
        return self.records[at : at + (size or self.size)]

    def following(self, at: int) -> int | None:
        """Where the next page begins; None after the last."""
        return at + self.size if at + self.size < len(self.records) else None


def _flat(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in body.items():
        found |= _flat(value) if isinstance(value, dict) else {key: value}
    return found


@dataclass(frozen=True)
class Shape:
    """`answer`: what the API does. `paginator`, `section`: what a mapping says of it."""

    answer: Callable[[Asked], Said]
    paginator: Paginator
    section: dict[str, Any] = field(default_factory=dict)

    def mapping(self, size: int, paginator: Paginator) -> dict[str, Any]:
        """[api] for pages of so many records, with this paginator."""
        whole = {"path": "/events", "params": {"date": "{date}"}, "data_selector": "items"}
        whole |= self.section
        if paginator and "limit" in paginator:
            paginator = paginator | {"limit": size * paginator["limit"]}
        return whole | ({"paginator": paginator} if paginator else {})


# --- Cursors and links.


def cursor(asked: Asked, end: dict[str, Any]) -> Said:
    """`end`: what the last page says of the next one."""
    at = asked.number("cursor")
    following = asked.following(at)
    says = end if following is None else {"next": str(following)}
    return Said({"items": asked.page(at), "paging": says})


def cursor_for_ever(asked: Asked) -> Said:
    at = asked.number("cursor")
    return Said({"items": asked.page(at), "next": at + asked.size})


def last_id(asked: Asked) -> Said:
    """The id of a page's last record is the cursor, and the ids of all windows go up."""
    first = asked.records[0]["n"] if asked.records else 0
    at = asked.number("after", first - 1) - first + 1
    return Said({"items": asked.page(at), "has_more": asked.following(at) is not None})


def graph(asked: Asked) -> Said:
    """As GraphQL: a cursor is always there, in the body of the request too."""
    at = asked.number("after")
    more = asked.following(at) is not None
    info = {"endCursor": str(at + asked.size), "hasNextPage": more}
    return Said({"data": {"events": {"nodes": asked.page(at), "pageInfo": info}}})


def _link(asked: Asked, at: int) -> str:
    return f"/events?date={asked.sent['date']}&cursor={at}"


def link(asked: Asked, is_absolute: bool) -> Said:
    at = asked.number("cursor")
    following = asked.following(at)
    host = f"http://{asked.call.headers['Host']}" if is_absolute else ""
    address = None if following is None else host + _link(asked, following)
    return Said({"items": asked.page(at), "links": {"next": address}})


def header_link(asked: Asked) -> Said:
    at = asked.number("cursor")
    links = [f'<{_link(asked, 0)}>; rel="first"; title="a, b"']
    following = asked.following(at)
    if following is not None:
        links.append(f'<{_link(asked, following)}>; rel="next"')
    return Said(asked.page(at), headers={"Link": ", ".join(links)})


def lines_and_links(asked: Asked) -> Said:
    said = header_link(asked)
    return Said(_lines(said.content), headers=said.headers)


def header_cursor(asked: Asked, end: dict[str, str]) -> Said:
    at = asked.number("cursor")
    following = asked.following(at)
    says = end if following is None else {"X-Next-Cursor": str(following)}
    return Said({"items": asked.page(at)}, headers=says)


# --- Pages and records that are counted.


def offset(asked: Asked, says: str = "") -> Said:
    """It never gives more than a page has, whatever is asked for."""
    at, size = asked.number("offset"), min(asked.number("limit", asked.size), asked.size)
    more = {
        "": {},
        "total": {"total": len(asked.records)},
        "has_more": {"has_more": at + size < len(asked.records)},
    }
    return Said({"items": asked.page(at, size)} | more[says])


def page_number(asked: Asked, says: str = "", base: int = 1) -> Said:
    at = (asked.number("page", base) - base) * asked.size
    more = {
        "": {},
        "pages": {"pages": -(-len(asked.records) // asked.size)},
        "total": {"total": len(asked.records)},
        "has_more": {"has_more": asked.following(at) is not None},
        "last": {"has_more": "false" if asked.following(at) is None else "true"},
    }
    return Said({"items": asked.page(at)} | more[says])


# --- All in one page.


def one(asked: Asked) -> Said:
    return Said({"items": asked.records})


def bare(asked: Asked) -> Said:
    return Said(asked.records)


def nested(asked: Asked) -> Said:
    return Said({"data": {"hits": [{"record": record} for record in asked.records]}})


def lines(asked: Asked) -> Said:
    return Said(_lines(asked.records))


def _lines(records: list[Record]) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


CURSOR = {"type": "cursor", "cursor_path": "paging.next", "cursor_param": "cursor"}
NEXT = CURSOR | {"cursor_path": "next"}
AFTER = {"type": "cursor", "cursor_path": "items[-1].n", "cursor_param": "after"}
HEADER = {"type": "header_cursor", "cursor_key": "X-Next-Cursor", "cursor_param": "cursor"}
LINK = {"type": "json_link", "next_url_path": "links.next"}
OFFSET = {"type": "offset", "limit": 1}
PAGES = {"type": "page_number", "base_page": 1}
SINGLE = {"type": "single_page"}
POST = {"method": "POST", "params": {}, "json": {"date": "{date}"}}
IN_BODY = {"type": "cursor", "cursor_path": "paging.next", "cursor_body_path": "page.cursor"}
GRAPH = {
    "type": "cursor",
    "cursor_path": "data.events.pageInfo.endCursor",
    "cursor_body_path": "variables.after",
    "has_more_path": "data.events.pageInfo.hasNextPage",
}
VARIABLES = {"query": "query { events }", "variables": {"date": "{date}"}}

SHAPES = {
    "a cursor, null at the end": Shape(partial(cursor, end={"next": None}), CURSOR),
    "a cursor, empty at the end": Shape(partial(cursor, end={"next": ""}), CURSOR),
    "a cursor, absent at the end": Shape(partial(cursor, end={}), CURSOR),
    "a cursor for ever": Shape(cursor_for_ever, NEXT | {"stop_after_empty_page": True}),
    "a cursor in the body": Shape(partial(cursor, end={"next": None}), IN_BODY, POST),
    "the last id, has_more": Shape(last_id, AFTER | {"has_more_path": "has_more"}),
    "as GraphQL": Shape(
        graph, GRAPH, POST | {"json": VARIABLES, "data_selector": "data.events.nodes"}
    ),
    "a link, absolute": Shape(partial(link, is_absolute=True), LINK),
    "a link, relative": Shape(partial(link, is_absolute=False), LINK),
    "a link in a header": Shape(header_link, {"type": "header_link"}, {"data_selector": "$"}),
    "lines and a link in a header": Shape(
        lines_and_links, {"type": "header_link"}, {"format": "jsonl", "data_selector": "$"}
    ),
    "a cursor in a header, absent at the end": Shape(partial(header_cursor, end={}), HEADER),
    "a cursor in a header, empty at the end": Shape(
        partial(header_cursor, end={"X-Next-Cursor": ""}), HEADER
    ),
    "offset, total": Shape(partial(offset, says="total"), OFFSET | {"total_path": "total"}),
    "offset, has_more": Shape(
        partial(offset, says="has_more"), OFFSET | {"has_more_path": "has_more"}
    ),
    "offset until empty": Shape(offset, OFFSET | {"stop_after_empty_page": True}),
    "offset, more asked for than given": Shape(
        partial(offset, says="total"), OFFSET | {"limit": 10, "total_path": "total"}
    ),
    "offset in the body": Shape(
        offset,
        {
            "type": "offset",
            "limit": 1,
            "offset_body_path": "p.offset",
            "limit_body_path": "p.limit",
        },
        POST,
    ),
    "page number, pages": Shape(
        partial(page_number, says="pages"), PAGES | {"total_path": "pages"}
    ),
    "page number, total": Shape(
        partial(page_number, says="total"), PAGES | {"total_path": "total"}
    ),
    "page number, has_more": Shape(
        partial(page_number, says="has_more"), PAGES | {"has_more_path": "has_more"}
    ),
    "page number, has_more as text": Shape(
        partial(page_number, says="last"), PAGES | {"has_more_path": "has_more"}
    ),
    "page number until empty": Shape(page_number, PAGES),
    "page number from 0": Shape(partial(page_number, base=0), PAGES | {"base_page": 0}),
    "one page": Shape(one, SINGLE),
    "one page, undeclared": Shape(one, None),
    "one page, no cursor": Shape(one, CURSOR | {"cursor_optional": True}),
    "a bare list": Shape(bare, SINGLE, {"data_selector": "$"}),
    "a nested list": Shape(nested, SINGLE, {"data_selector": "data.hits[*].record"}),
    "JSON lines": Shape(lines, SINGLE, {"format": "jsonl", "data_selector": "$"}),
}
# Their answers have nothing in them that may say that there is more.
SILENT = (
    "offset until empty",
    "offset in the body",
    "page number until empty",
    "page number from 0",
)
