"""How an API is paged: complete or refused in one line, and never a silent end. Real HTTP."""

from __future__ import annotations

import pytest

from core.errors import UserError
from ingestion.source import http_client
from ingestion.source.http_client import RetryBudget
from ingestion.source.unit import PageEnds
from tests.helpers.paged_api import DAY, UNSEEN, Call, PagedApi, Said, numbers, paged_api

ALL = list(range(26))
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"}
OFFSET = {"type": "offset", "limit": 10}
PAGES = {"type": "page_number", "base_page": 1}


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    budget = RetryBudget(attempts=4, first_wait=0.002, silence=5, page=20)
    monkeypatch.setattr(http_client, "RETRY_BUDGET", budget)


def ids(
    api: PagedApi, tmp_path, section: dict, last: str = DAY, before: PageEnds = UNSEEN
) -> list[int]:
    """The records that came, in order, one `n` each."""
    where = {"path": "/events", "data_selector": "items"}
    return numbers(api, tmp_path, where | section, last, before)


def page(at: int, size: int = 10) -> list[dict]:
    return [{"n": n} for n in ALL[at : at + size]]


def by_cursor(call: Call, **more: object) -> Said:
    at = int(call.query.get("cursor", 0))
    return Said({"items": page(at), "next": at + 10 if at + 10 < len(ALL) else None} | more)


def by_offset(call: Call, most: int = 10, **more: object) -> Said:
    limit = min(int(call.query.get("limit", 10)), most)
    return Said({"items": page(int(call.query.get("offset", 0)), limit)} | more)


def by_page(call: Call, **more: object) -> Said:
    return Said({"items": page((int(call.query.get("page", 1)) - 1) * 10)} | more)


def by_link(call: Call) -> Said:
    """The next page is also the last: one link may be two things."""
    at = int(call.query.get("cursor", 0))
    first, more = '</events?cursor=0>; rel="first"', ""
    if at + 10 < len(ALL):
        more = f', </events?cursor={at + 10}>; title="a, b; c"; REL="next{" last" if at else ""}"'
    return Said({"items": page(at)}, headers={"Link": first + more})


COMPLETE = {
    "links": (by_link, {"type": "header_link"}),
    "a cursor": (by_cursor, CURSOR),
    "a limit that the API does not give": (lambda c: by_offset(c, 7), OFFSET | {"limit": 100}),
    "the same with a total": (
        lambda c: by_offset(c, 7, total=26),
        OFFSET | {"limit": 100, "total_path": "total"},
    ),
    "a total as text": (lambda c: by_offset(c, total="26"), OFFSET | {"total_path": "total"}),
    "a full last page": (
        lambda c: Said({"items": page(int(c.query["offset"]), 13), "total": 26}),
        {"type": "offset", "limit": 13, "total_path": "total"},
    ),
    "pages until one is empty": (by_page, PAGES),
    "pages and their number": (lambda c: by_page(c, pages=3), PAGES | {"total_path": "pages"}),
    "pages and the number of records": (
        lambda c: by_page(c, total=26),
        PAGES | {"total_path": "total"},
    ),
    "more is said as text": (
        lambda c: by_page(c, more=str(c.query["page"] != "3").lower()),
        PAGES | {"has_more_path": "more"},
    ),
    "an empty page although there is more": (
        lambda c: Said(
            {"items": [] if c.query["page"] == "2" else by_page(c).content["items"]}
            | {"more": c.query["page"] in ("1", "2")}
        ),
        PAGES | {"has_more_path": "more"},
    ),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_all_records_come(tmp_path, name):
    answer, paginator = COMPLETE[name]
    expected = [n for n in ALL if not 10 <= n < 20] if name.startswith("an empty") else ALL
    with paged_api(answer) as api:
        assert ids(api, tmp_path, {"paginator": paginator}) == expected


def single(**more: object):
    return lambda call: Said({"items": page(0)} | more)


SINGLE = {"type": "single_page"}
OPTIONAL = CURSOR | {"cursor_optional": True}
REFUSED = {
    "a misspelt cursor": (by_cursor, CURSOR | {"cursor_path": "nxt"}, "next = '10'", "nxt"),
    "no cursor at all": (single(), CURSOR, "cursor_optional = true", "next"),
    "a next page, undeclared": (single(nextPageToken="t"), None, "nextPageToken = 't'", "cursor"),
    "a next address": (single(links={"next": "/x"}), SINGLE, "links.next", "json_link"),
    "more": (single(meta={"has_more": True}), SINGLE, "meta.has_more = true", "has_more_path"),
    "not the last": (single(isLast=False), SINGLE, "isLast = false", "page_number"),
    "a total": (single(page={"total": 26}), OPTIONAL, "page.total = 26", "offset"),
    "a Link": (
        lambda c: Said({"items": page(0)}, headers={"Link": '<http://x/y>; rel="next"'}),
        SINGLE,
        "Link with rel=next",
        "header_link",
    ),
    "a header": (
        lambda c: Said({"items": page(0)}, headers={"X-Total-Count": "26"}),
        SINGLE,
        "X-Total-Count = 26",
        "10 records",
    ),
    "a total that is more": (
        lambda c: by_cursor(c, total=30),
        CURSOR | {"total_path": "total"},
        "total_path='total' says 30",
        "26 records came",
    ),
    "a total that is not there": (
        by_cursor,
        CURSOR | {"total_path": "total"},
        "no page of 2026-03-01 has a total",
        "'total'",
    ),
    "more without a cursor": (
        single(more=True),
        CURSOR | {"has_more_path": "more"},
        "more = true",
        "cursor_path='next' is not there",
    ),
    "more after the last cursor": (
        lambda c: by_cursor(c, more=True),
        CURSOR | {"has_more_path": "more"},
        "more = true",
        "cursor_path='next' is not there",
    ),
    "more than a single page": (
        single(more=True),
        SINGLE | {"has_more_path": "more"},
        "more = true on 2026-03-01",
        "EVENTS_URL",
    ),
    "has_more that is not there": (by_cursor, CURSOR | {"has_more_path": "m"}, "'m'", "not there"),
    "the first page of three left out": (
        lambda c: by_page(c, pages=3),
        PAGES | {"base_page": 2, "total_path": "pages"},
        "says 3",
        "16 records on 2 pages",
    ),
    "as many as asked for": (single(), None, "as many as limit = 10 asked for", "offset"),
    "pages that go round": (
        lambda c: by_page(Call(c.path, {"page": str(2 - c.number % 2)}, {}, None, 0)),
        PAGES,
        "page 3 of 2026-03-01 repeats page 1",
        "EVENTS_URL",
    ),
    "the same records in another order": (
        lambda c: Said({"items": page(0)[:: 1 if c.number % 2 else -1]}),
        PAGES,
        "page 2 of 2026-03-01 repeats page 1",
        "EVENTS_URL",
    ),
    "empty pages for ever": (
        lambda c: Said({"items": [], "next": c.number}),
        CURSOR,
        "100 empty pages",
        "stop_after_empty_page = true",
    ),
    "the most pages that may be": (
        by_page,
        PAGES | {"maximum_page": 3},
        "page 2 of 2026-03-01 is the last that maximum_page",
        "nothing says",
    ),
    "a next address inside an object": (
        single(next={"href": None, "uri": "/x"}),
        SINGLE,
        "next.uri = '/x'",
        "json_link",
    ),
    "another host": (
        lambda c: Said({"items": page(0), "next": "http://localhost:1/events"}),
        {"type": "json_link"},
        "leads to another host",
        "localhost:1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_all_is_refused_in_one_line(tmp_path, name):
    answer, paginator, *seen = REFUSED[name]
    section = {"params": {"limit": 10}} if name == "as many as asked for" else {}
    with paged_api(answer) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, section | ({"paginator": paginator} if paginator else {}))
    line = str(failed.value)
    assert "\n" not in line
    for part in ("EVENTS_URL=http://127.0.0.1:", *seen):
        assert part in line


def test_a_cursor_that_only_some_pages_have_is_known_from_the_others(tmp_path):
    """The second day has one page, and no cursor in it."""

    def answer(call: Call) -> Said:
        if call.query["date"] != DAY:
            return Said({"items": [{"n": 99}]})
        said = by_cursor(call)
        return Said({key: value for key, value in said.content.items() if value is not None})

    section = {"params": {"date": "{date}"}, "paginator": CURSOR}
    with paged_api(answer) as api:
        assert ids(api, tmp_path, section, "2026-03-02") == [*ALL, 99]


def test_equally_full_days_of_single_pages_are_refused(tmp_path):
    section = {"paginator": SINGLE, "params": {"date": "{date}"}}
    with paged_api(single()) as api, pytest.raises(UserError, match="10 records, as many as in"):
        ids(api, tmp_path, section, "2026-03-02")


def test_as_many_as_in_a_window_of_an_earlier_load_are_refused(tmp_path):
    section, refused = {"paginator": SINGLE}, "10 records, as many as in another window"
    with paged_api(single()) as api:
        same = PageEnds("", fullest=10, fullest_window=DAY)
        assert ids(api, tmp_path, section, before=same) == ALL[:10]
        with pytest.raises(UserError, match=refused):
            ids(api, tmp_path, section, before=PageEnds("", fullest=10, fullest_window="2026-02"))


def test_a_next_address_that_is_null_is_no_sign(tmp_path):
    with paged_api(single(links={"next": {"href": None}}, total=10, next_page=0)) as api:
        assert ids(api, tmp_path, {"paginator": SINGLE}) == ALL[:10]
