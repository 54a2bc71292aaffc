"""Signs in a page that there is more: what an API says although nobody has told how it is paged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.source.page import Page
from ingestion.source.said_errors import plain_name

DEPTH = 4
SHOWN_LETTERS = 60
_NEXT = re.compile(
    r"(odata)?next(page|batch|set|results?|records?)?"
    r"(cursor|token|url|uri|link|href|id|key|marker|offset|start|number|page)?"
    r"|(end|after)?cursors?|continuation(token|key)?|scrollid|(next)?marker|lastevaluatedkey"
)
_MORE = re.compile(
    r"(has|is)?more(results|records|items|pages|data|available)?|hasnext(page)?"
    r"|(is|was)?truncated|moretocome|(is)?incomplete(results)?"
)
_LAST = re.compile(r"(is)?(last|final)(page)?|(is)?(done|complete|finished)|endofrecords|nomore")
_TOTAL = re.compile(
    r"total(count|results|records|items|elements|hits|size|rows|events|entries)?"
    r"|(count|number)total|(record|result)count|count|numfound|contentrange"
)
_PAGES = re.compile(r"total(num(ber)?of)?pages|pages?(count|total)|pages|numpages|lastpage")
_LIMIT = re.compile(
    r"(page)?(limit|size)|perpage|pagelimit|max(results|records|items)?|top|first"
    r"|rows|take|count|resultsperpage|hitsperpage|batchsize|num|n"
)


@dataclass(frozen=True)
class Sign:
    """What was seen, and the paginator that would follow it. `is_count`: a total, which may be of
    more than the window."""

    seen: str
    paginator: str
    is_count: bool = False


def signs_of_more(page: Page, records: int, pages: int, sent: Mapping[str, Any]) -> Iterator[Sign]:
    """What the last page of a window says of another one.

    Args:
        page: the last page.
        records: of all pages of the window.
        pages: of the window.
        sent: the parameters and the body with which it was asked for.
    """
    yield from _in_headers(page, records, pages)
    yield from _in_body(page.body, "", records, pages)
    for name, value in sent.items():
        is_limit = _LIMIT.fullmatch(plain_name(name)) and str(value) == str(page.count)
        if is_limit and page.count:
            yield Sign(
                f"{page.count} records, as many as {name} = {value} asked for",
                f'{{ type = "offset", limit = {page.count}, limit_param = "{name}" }}',
            )


def _in_headers(page: Page, records: int, pages: int) -> Iterator[Sign]:
    for name, value in page.headers.items():
        plain = plain_name(name).removeprefix("xms").removeprefix("x").removeprefix("pagination")
        if name.lower() == "link":
            if "next" in page.links:
                yield Sign("a header Link with rel=next", '{ type = "header_link" }')
        elif _NEXT.fullmatch(plain) and value:
            yield Sign(
                f"the header {name}",
                f'{{ type = "header_cursor", cursor_key = "{name}", cursor_param = "…" }}',
            )
        elif _MORE.fullmatch(plain) and _is_true(value):
            yield Sign(f"the header {name} = {value}", "{ … }")
        elif _is_beyond(plain, _number(value.rpartition("/")[2]), records, pages):
            yield Sign(
                f"the header {name} = {value}, and {records} records on {pages} pages came",
                '{ type = "page_number", … }',
                is_count=True,
            )


def _in_body(body: Any, path: str, records: int, pages: int) -> Iterator[Sign]:
    """In objects alone: what is in a list belongs to a record."""
    if not isinstance(body, dict) or path.count(".") >= DEPTH:
        return
    for key, value in body.items():
        at = f"{path}{key}" if key.isidentifier() else f"{path}'{key}'"
        plain = plain_name(key)
        if _NEXT.fullmatch(plain) and _leads(value):
            yield _reference(at, value)
        elif _MORE.fullmatch(plain) and _is_true(value):
            yield Sign(
                f"{at} = true",
                f'{{ type = "cursor", cursor_path = "…", cursor_param = "…",'
                f' has_more_path = "{at}" }}',
            )
        elif _LAST.fullmatch(plain) and value is False:
            yield Sign(f"{at} = false", '{ type = "page_number", … }')
        elif _is_beyond(plain, _number(value), records, pages):
            kind = "offset" if _TOTAL.fullmatch(plain) else "page_number"
            limit = f", limit = {records or 100}" if kind == "offset" else ""
            yield Sign(
                f"{at} = {_number(value)}, and {records} records on {pages} pages came",
                f'{{ type = "{kind}"{limit}, total_path = "{at}" }}',
                is_count=True,
            )
        elif isinstance(value, list) and plain in ("link", "links"):
            yield from _in_links(value, at)
        else:
            yield from _in_body(value, f"{at}.", records, pages)


def _in_links(links: list[Any], at: str) -> Iterator[Sign]:
    """In a list of what is linked to, as in HAL's and FHIR's bundles: which one is the next."""
    for number, link in enumerate(links):
        relation = (link.get("rel") or link.get("relation")) if isinstance(link, dict) else None
        for name in ("href", "url") if relation == "next" else ():
            if link.get(name):
                yield _reference(f"{at}[{number}].{name}", link[name])


def _leads(value: Any) -> bool:
    """Whether it names something: an object does by what is in it."""
    if isinstance(value, dict):
        return any(_leads(inner) for inner in value.values())
    return isinstance(value, str | int | float) and value is not True and bool(value)


def _reference(at: str, value: Any) -> Sign:
    inner = value
    while isinstance(inner, dict):
        key, inner = next(item for item in inner.items() if _leads(item[1]))
        at = f"{at}.{key}"
    text = str(inner)
    shown = text if len(text) <= SHOWN_LETTERS else text[:SHOWN_LETTERS] + "…"
    if text.startswith(("/", "http://", "https://", "?")):
        return Sign(f"{at} = {shown!r}", f'{{ type = "json_link", next_url_path = "{at}" }}')
    return Sign(
        f"{at} = {shown!r}", f'{{ type = "cursor", cursor_path = "{at}", cursor_param = "…" }}'
    )


def _is_beyond(plain: str, value: int, records: int, pages: int) -> bool:
    """Whether a total is above what came."""
    is_records = _TOTAL.fullmatch(plain) is not None and value > records
    return is_records or (_PAGES.fullmatch(plain) is not None and value > pages)


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "yes")


def _number(value: Any) -> int:
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:SHOWN_LETTERS])
    return value if type(value) is int else 0
