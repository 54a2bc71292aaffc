"""SOURCE=api when the API misbehaves: what is transient is tried again, what is permanent is one
clear line, and a load is complete or invisible. Every fault is a real answer of a real server."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from core.days import parse_range
from core.errors import Unavailable, UserError
from core.progress import Progress
from core.settings import ROOT
from ingestion.ingest import ingest
from ingestion.settings import IngestSettings
from ingestion.source import http_client
from ingestion.source.http_client import RetryBudget
from tests.conftest import empty_warehouse
from tests.helpers.faults import FIRST, OUTAGES, PERMANENT, TRANSIENT_KINDS
from tests.helpers.faulty_api import (
    PAGE_ROWS,
    PAGES,
    TOKEN,
    Asked,
    body,
    content,
    faulty_api,
    records,
    silent,
    status,
)
from tests.helpers.pipeline import query
from tests.helpers.tiers import matrix
from tests.helpers.waiting import wait_until

DAYS = parse_range(FIRST, "2026-03-02")
LAST = str(DAYS.last)
FAST = RetryBudget(attempts=4, first_wait=0.002, longest_wait=0.02, silence=0.6, page=3)
IDS = {
    (day, str(record["event_id"]), "u1")
    for day in (FIRST, LAST)
    for page in range(1, PAGES + 1)
    for record in records(day, page)
}
SNAPSHOT = """
    select (select json_agg(e order by event_id) from raw.events as e)::text,
        (select json_agg(d order by ingest_date) from raw.deliveries as d)::text,
        (select json_agg(l order by load_id) from raw.loads as l)::text
"""
LANDED = "select ingest_date::text, event_id, user_id, _dlt_load_id from raw.events"


@pytest.fixture(scope="module")
def loaded(server, tmp_path_factory):
    """A warehouse that has the two days."""
    with (
        empty_warehouse(server, "api_faults") as found,
        faulty_api(lambda asked: False) as api,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("LOCAL_DIR", str(tmp_path_factory.mktemp("local")))
        ingest(settings(api.url), found, Progress())
        yield found


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(http_client, "RETRY_BUDGET", FAST)
    monkeypatch.setenv("EVENTS_API_TOKEN", TOKEN)


def settings(url: str, days=DAYS) -> IngestSettings:
    """They are read again each time, also where they are as before."""
    return IngestSettings(days, "api", "canonical", url, "", TOKEN, force=True)


@matrix("fault", TRANSIENT_KINDS)
def test_what_is_transient_is_asked_again_by_its_cursor(loaded, fault):
    """The second page of the first day and the last of the last day fail once each."""
    once = {(FIRST, 2), (LAST, PAGES)}

    def failing(asked: Asked) -> bool:
        return (asked.day, asked.page) in once and asked.attempt == 1 and fault(asked)

    with faulty_api(failing) as api:
        result = ingest(settings(api.url), loaded, Progress())
    assert result.events.total == len(IDS)
    assert Counter(query(loaded, LANDED)) == Counter((*row, result.load_id) for row in IDS)
    # Only the page that failed is asked for again: not the day, and not the range.
    assert {page for page, times in api.attempts.items() if times > 1} == {
        ("/events", day, page) for day, page in once
    }
    assert api.authorized == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("name", PERMANENT)
def test_what_is_permanent_is_one_line_and_changes_nothing(loaded, name):
    before, (fault, message) = query(loaded, SNAPSHOT), PERMANENT[name]
    with faulty_api(fault) as api, pytest.raises(UserError) as failed:
        ingest(settings(api.url), loaded, Progress())
    line = str(failed.value)
    assert isinstance(failed.value, Unavailable) == (name in OUTAGES)
    assert message in line
    assert f"EVENTS_URL={api.url}/events" in line
    assert "\n" not in line
    assert query(loaded, SNAPSHOT) == before


def test_nobody_listens(loaded):
    before = query(loaded, SNAPSHOT)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UserError) as failed:
            ingest(settings(url), loaded, Progress())
    reason = f"cannot be reached: connection refused for {FIRST}, 4 times"
    assert str(failed.value) == f"EVENTS_URL={url}/events {reason}"
    assert query(loaded, SNAPSHOT) == before


def test_a_long_retry_after_is_capped_and_said(loaded, monkeypatch, capsys):
    monkeypatch.setattr(http_client, "TOLD_SECONDS", 0)

    def an_hour(asked: Asked) -> bool:
        return asked.attempt == 1 and status(429, Retry_After="3600")(asked)

    with faulty_api(an_hour) as api:
        ingest(settings(api.url), loaded, Progress())
    assert "the API answered HTTP 429, 3600 s were asked for" in capsys.readouterr().err


def test_everybody_waits_when_the_api_says_so(loaded, monkeypatch):
    """The first 429 closes the API for a second. What comes in that second had been sent before
    the answer was there: once from each thread at most."""
    monkeypatch.setattr(http_client, "RETRY_BUDGET", replace(FAST, longest_wait=60))
    days = parse_range("2026-03-01", "2026-03-12")
    lock = threading.Lock()
    opens: list[float] = []
    early = []

    def closed(asked: Asked) -> bool:
        with lock:
            if not opens:
                opens.append(time.monotonic() + 1)
            if time.monotonic() > opens[0]:
                return False
            early.append(asked)
        return status(429, Retry_After="1")(asked)

    with faulty_api(closed) as api:
        result = ingest(settings(api.url, days), loaded, Progress())
    assert result.events.total == len(days) * PAGES * PAGE_ROWS
    assert len(early) <= settings(api.url, days).api_concurrency


def test_days_come_at_the_same_time_and_no_more_than_allowed(loaded):
    """The API answers nobody until three requests are there, and counts how many are."""
    together, lock, now, most = threading.Barrier(3), threading.Lock(), [0], [0]

    def counting(asked: Asked) -> bool:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if asked.page == 1:
            together.wait(20)
        asked.handler.answer(200, body(asked.day, asked.page))
        with lock:
            now[0] -= 1
        return True

    days = parse_range("2026-03-01", "2026-03-06")
    with faulty_api(counting) as api:
        ingest(replace(settings(api.url, days), api_concurrency=3), loaded, Progress())
    assert not together.broken
    assert most == [3]


def test_an_answer_for_another_day_than_asked_loses_nothing(loaded):
    """An API with a wrong clock: what it delivers on a day happened on the day before."""
    skewed = json.dumps({"events": records(LAST, 1, happened=FIRST), "next_cursor": None})
    with faulty_api(content(skewed.encode())) as api:
        ingest(settings(api.url, parse_range(LAST, LAST)), loaded, Progress())
    assert query(
        loaded,
        """select ingest_date::text, event_date::text, event_id from raw.events
        where ingest_date = %s order by 3""",
        LAST,
    ) == [(LAST, FIRST, f"{LAST}-1-0"), (LAST, FIRST, f"{LAST}-1-1")]


def test_records_that_are_none_are_quarantined_and_the_others_land(loaded):
    good = json.dumps(records(FIRST, 1)[0])
    odd = ["null", "7", '"text"', "[]", r'{"event_id": "\ud800"}', r'{"event_id": "\u0000"}']
    page = f'{{"next_cursor": 0, "events": [{", ".join([good, *odd])}]}}'.encode()
    with faulty_api(content(page)) as api:
        result = ingest(settings(api.url, parse_range(FIRST, FIRST)), loaded, Progress())
    assert result.events.total == 7
    assert query(
        loaded,
        """select reject_reason, count(*), array_agg(event_id) from raw.events
        where ingest_date = %s group by 1 order by 1""",
        FIRST,
    ) == [
        ("malformed_json", 5, [None] * 5),
        ("nul_character", 1, [None]),
        (None, 1, [f"{FIRST}-1-0"]),
    ]


def test_gzip_and_a_query_in_the_base_url(loaded):
    asked_with = set()

    def zipped(asked: Asked) -> bool:
        asked_with.add(asked.handler.path.split("?")[1].split("&")[0])
        asked.handler.answer(
            200, gzip.compress(body(asked.day, asked.page)), Content_Encoding="gzip"
        )
        return True

    with faulty_api(zipped) as api:
        result = ingest(settings(f"{api.url}/?api_key=k"), loaded, Progress())
    assert result.events.total == len(IDS)
    assert asked_with == {"api_key=k"}


def test_ctrl_c_does_not_wait_for_a_silent_api(warehouse):
    with faulty_api(silent) as api:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingestion", "ingest"],
            cwd=ROOT,
            env=os.environ | {"EVENTS_URL": api.url, "FROM": FIRST, "TO": LAST},
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job ignores SIGINT, and so would all that it starts.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        wait_until(lambda: api.attempts, process)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=15)
    assert process.returncode == 130
    # Between them the terminal has ^C, and so a line of its own.
    assert [line for line in shown.splitlines() if line] == ["reading canonical ...", "interrupted"]
