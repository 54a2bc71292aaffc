"""APIs that nobody described: each shape drafted, and all of its records read by the draft."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from core.errors import UserError
from ingestion.demo.server import running
from ingestion.source import http_client
from ingestion.source.auth import made_auth
from ingestion.source.http_client import HttpClient, RetryBudget
from ingestion.source.probe import Probed, probe
from tests.helpers.api_shapes import SHAPES, Asked, Shape, cursor, offset
from tests.helpers.drafts import checked, drafted
from tests.helpers.paged_api import DAY, Call, PagedApi, Said, numbers, paged_api

pytestmark = pytest.mark.timeout(60)
SIZE = 3
DAYS = {DAY: range(7), "2026-03-02": range(7, 9)}
# What is asked for by a body, no address can say.
ASKED_BY_ADDRESS = [name for name, shape in SHAPES.items() if "method" not in shape.section]


def serve(shape: Shape, params: Callable[[Call], str]) -> Callable[[Call], Said]:
    """`params`: the day that a call asks for."""
    return lambda call: shape.answer(
        Asked(call, [{"n": n} for n in DAYS.get(params(call), [])], SIZE)
    )


def by_date(call: Call) -> str:
    return call.query.get("date", "")


def probed(api: PagedApi, rest: str = "") -> Probed:
    return probe(HttpClient(made_auth({}, "", {}), 1), api.url + rest, date(2026, 3, 1))


@pytest.mark.parametrize("name", ASKED_BY_ADDRESS)
def test_what_is_drafted_of_an_api_reads_all_of_it(tmp_path, name):
    with paged_api(serve(SHAPES[name], by_date)) as api:
        found = probed(api)
        assert found.open == {}
        assert found.requests <= 12
        section = found.section
        if name == "a cursor for ever":  # seen when the pages are followed, by the draft itself
            section["paginator"]["stop_after_empty_page"] = True
        assert numbers(api, tmp_path, section, "2026-03-02") == list(range(9))


@pytest.mark.parametrize(
    ("address", "section"),
    [
        ("", {"date": "{date}"}),
        ("/events?date={date}", {"date": "{date}"}),
        ("/events?since={start}&until={end}&size=9", {"since": "{start}", "until": "{end}"}),
    ],
)
def test_how_a_day_is_asked_for(tmp_path, address, section):
    def asked(call: Call) -> str:
        return call.query.get("since", "")[:10] or by_date(call)

    with paged_api(serve(SHAPES["a cursor, null at the end"], asked)) as api:
        assert probed(api, address).section["params"] == section


def test_a_day_in_the_path(tmp_path):
    def answer(call: Call) -> Said:
        day = call.path.removeprefix("/on/").removesuffix("/all")
        return Said([{"n": n} for n in DAYS.get(day, [])])

    with paged_api(answer) as api:
        found = probed(api, "/on/{date}/all")
        assert found.section["path"] == "on/{date}/all"
        assert numbers(api, tmp_path, found.section, "2026-03-02") == list(range(9))


def test_another_name_for_the_cursor(tmp_path):
    def answer(call: Call) -> Said:
        renamed = {"cursor" if key == "page_token" else key: v for key, v in call.query.items()}
        if "cursor" in call.query:
            return Said({"error": "unknown parameter"}, 400)
        records = [{"n": n} for n in DAYS.get(by_date(call), [])]
        said = cursor(Asked(Call("", renamed, {}, {}, 1), records, SIZE), {"next": None})
        return said

    with paged_api(answer) as api:
        found = probed(api)
        assert found.section["paginator"]["cursor_param"] == "page_token"
        assert numbers(api, tmp_path, found.section) == list(range(7))


def test_a_window_that_nothing_chooses_is_left_open():
    with paged_api(lambda call: Said([{"n": 1}])) as api:
        found = probed(api)
    assert "no parameter was seen to choose the day" in found.open["params"]
    assert "params" not in found.section


def test_a_cursor_that_nothing_takes_is_left_open():
    def answer(call: Call) -> Said:
        records = [{"n": n} for n in DAYS.get(by_date(call), [])]
        return Said({"items": records, "next_cursor": "x"})

    with paged_api(answer) as api:
        found = probed(api)
    assert "next_cursor" in found.open["paginator"]
    assert "paginator" not in found.section


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Said({"items": []}), "answers no records for 2026-03-01"),
        (Said({"error": "quota used up", "items": []}), "answered an error .*quota used up"),
        (Said({"hello": 1}), "without a list of records"),
        (Said({}, 401), "HTTP 401"),
        (Said({}, 404), "give the whole address"),
        (Said(b"<html>log in</html>"), "answered no JSON"),
    ],
)
def test_what_is_no_answer_is_one_line(monkeypatch, said, message):
    budget = RetryBudget(attempts=2, first_wait=0.002, longest_wait=0.02, silence=5, page=20)
    monkeypatch.setattr(http_client, "RETRY_BUDGET", budget)
    with paged_api(lambda call: said) as api, pytest.raises(UserError, match=message) as refused:
        probed(api)
    assert "\n" not in str(refused.value)


def test_the_demo_api_from_its_address_to_a_check(tmp_path):
    mapping = tmp_path / "demo.toml"
    with running() as api:
        settings = {"FROM": DAY, "EVENTS_API_TOKEN": api.token}
        found = drafted(api.url, mapping, **settings)
        assert found.open == []
        seen = checked(found.url, mapping, **settings)
    [table] = seen.tables
    document: dict[str, Any] = tomllib.loads(mapping.read_text())
    assert document["api"]["path"] == "events"
    assert document["api"]["paginator"] == {
        "type": "cursor",
        "cursor_path": "next_cursor",
        "cursor_param": "cursor",
    }
    assert (table.received - table.accepted, table.problems) == (5, [])
    assert seen.paging[0].startswith("events: 2 pages of 1000, ")


def test_the_paging_of_a_check_says_what_ingestion_would_refuse(tmp_path):
    mapping = tmp_path / "m.toml"
    expressions = dict.fromkeys(("event_id", "user_id", "event_type"), "n")
    lines = [f'{name} = "{said}"' for name, said in expressions.items()]
    lines += ['event_ts = "ingest_date::varchar"', 'region = "null"']
    fields = '[events.fields]\nn = "n"\n[api]\ndata_selector = "items"\n'
    mapping.write_text("[events]\n" + "\n".join(lines) + f"\n{fields}params.date = '{{date}}'\n")
    with paged_api(serve(Shape(partial(offset, says="total"), None), by_date)) as api:
        with pytest.raises(UserError, match="total = 7, and 3 records on 1 pages came"):
            checked(api.url, mapping, FROM=DAY)


def test_a_key_in_a_link_is_in_no_draft(tmp_path):
    def answer(call: Call) -> Said:
        at = int(call.query.get("at", 0))
        records = [{"id": n, "user": n % 3, "type": "v"} for n in DAYS.get(by_date(call), [])]
        link = f"/?api_key=canary-4711&date={DAY}&at={at + SIZE}" if at < 6 else None
        return Said({"items": records[at : at + SIZE], "next": link})

    with paged_api(answer) as api:
        found = drafted(api.url, tmp_path / "m.toml", FROM=DAY)
    text = (tmp_path / "m.toml").read_text()
    assert "json_link" in text
    assert "canary" not in text
    assert found.looked_at.startswith("7 records of 2026-03-01 on 3 pages (3, 3, 1)")
