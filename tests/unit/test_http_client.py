"""Which answers of an API are asked for again, and how long it is waited before that."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
import requests

from core.errors import Unavailable, UserError
from ingestion.source import http_client
from ingestion.source.auth import made_auth
from ingestion.source.http_client import HttpClient, RetryBudget
from tests.helpers.faulty_api import Asked, FaultyApi, faulty_api, status
from tests.helpers.waiting import LONG

FAST = RetryBudget(attempts=4, first_wait=0.002, longest_wait=5, silence=5, page=20)
WHERE = "EVENTS_URL=http://api"


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(http_client, "RETRY_BUDGET", FAST)


def get(api: FaultyApi, client: HttpClient | None = None, day: str = "2026-03-01") -> bytes:
    client = client or HttpClient(made_auth({}, "token", {}), concurrency=1)
    request = requests.Request("GET", f"{api.url}/events", params={"date": day})
    return client.ask(request, WHERE, "the day", lambda reply: reply.body)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_for_again(code):
    once = status(code)
    with faulty_api(lambda asked: asked.attempt == 1 and once(asked)) as api:
        assert b'"next_cursor"' in get(api)
    assert api.attempts.total() == 2


@pytest.mark.parametrize("code", [408, 500, 502, 503, 504])
def test_what_does_not_pass_is_asked_for_four_times(code):
    with faulty_api(status(code)) as api, pytest.raises(Unavailable) as failed:
        get(api)
    assert str(failed.value) == f"{WHERE} answered HTTP {code} for the day, 4 times"
    assert api.attempts.total() == 4


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, f"{WHERE} answered HTTP 400 for the day"),
        (401, f"EVENTS_API_TOKEN is refused by {WHERE}: HTTP 401 for the day"),
        (403, f"EVENTS_API_TOKEN is refused by {WHERE}: HTTP 403 for the day"),
        (404, f"{WHERE} answered HTTP 404 for the day"),
        (410, f"{WHERE} answered HTTP 410 for the day"),
        (422, f"{WHERE} answered HTTP 422 for the day"),
    ],
)
def test_a_refusal_is_asked_for_once(code, message):
    with faulty_api(status(code)) as api, pytest.raises(UserError) as failed:
        get(api)
    assert (type(failed.value), str(failed.value)) == (UserError, message)
    assert api.attempts.total() == 1


@pytest.mark.parametrize(
    ("code", "wait", "at_least"),
    [
        (429, "1", 1.0),
        (503, "1", 1.0),
        (429, "in two seconds", 1.0),  # an HTTP date has whole seconds
        (429, "in the past", 0.0),
        (429, "soon", 0.0),
        (429, "0", 0.0),
    ],
)
def test_the_wait_that_the_api_asks_for_is_kept(code, wait, at_least):
    dates = {"in two seconds": time.time() + 2, "in the past": 0}
    header = formatdate(dates[wait], usegmt=True) if wait in dates else wait
    moments: list[float] = []

    def once(asked: Asked) -> bool:
        moments.append(time.monotonic())
        return asked.attempt == 1 and status(code, Retry_After=header)(asked)

    with faulty_api(once) as api:
        get(api)
    first, second = moments
    assert second - first >= at_least
    if not at_least:
        assert second - first < 1


def test_no_wait_is_longer_than_the_longest(monkeypatch):
    monkeypatch.setattr(
        http_client, "RETRY_BUDGET", RetryBudget(first_wait=0.002, longest_wait=0.1)
    )
    an_hour = status(429, Retry_After="3600")
    started = time.monotonic()
    with faulty_api(lambda asked: asked.attempt == 1 and an_hour(asked)) as api:
        get(api)
    assert time.monotonic() - started < 10


def test_a_short_wait_does_not_end_a_longer_one(monkeypatch):
    """Of two requests at once the first is told to come back in a second, then the other one only
    that it is too soon."""
    monkeypatch.setattr(http_client, "TOLD_SECONDS", 0)
    first, second = "2026-03-01", "2026-03-02"
    under_way, waits = threading.Barrier(2), threading.Event()
    moments: dict[str, float] = {}

    def too_soon(asked: Asked) -> bool:
        if asked.attempt > 1:
            moments[asked.day] = time.monotonic()
            return False
        under_way.wait(LONG)
        if asked.day == first:
            return status(429, Retry_After="1")(asked)
        assert waits.wait(LONG)
        moments["told"] = time.monotonic()
        return status(429)(asked)

    auth = made_auth({}, "token", {})
    client = HttpClient(auth, concurrency=2, on_wait=lambda text: waits.set())
    with faulty_api(too_soon) as api, ThreadPoolExecutor(2) as threads:
        for answer in [threads.submit(get, api, client, day) for day in (first, second)]:
            assert b'"next_cursor"' in answer.result()
    assert moments[second] - moments["told"] >= 0.5
