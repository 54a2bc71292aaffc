"""No secret in a message, however it is written."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from core.errors import SECRETS, Unavailable, UserError, redacted

SECRET = "a/b+c d%e"  # every character that a URL has to quote, or may leave


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "written",
    [SECRET, quote(SECRET, safe=""), quote(SECRET)],
    ids=["as it is", "quoted", "quoted but for slashes"],
)
def test_a_secret_is_hidden_wherever_it_stands(monkeypatch, name, written):
    monkeypatch.setenv(name, SECRET)
    assert redacted(f"open /key/{written}/events: no") == "open /key/***/events: no"
    for kind in (UserError, Unavailable):
        assert str(kind(f"{written} is refused")) == "*** is refused"


def test_a_short_secret_is_left_in_ordinary_words(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "event")
    assert redacted("an event of events") == "an event of events"
    monkeypatch.setenv("PGPASSWORD", "events")
    assert redacted("an event of events") == "an event of ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("https://token@host/x", "https://***@host/x"),
        ("http://token@host", "http://***@host"),
        ("postgresql://me:pw@host/db", "postgresql://***@host/db"),
        ("abfs://container@account/x", "abfs://container@account/x"),
        ("http://host/x?key=1&sig=2: HTTP 404", "http://host/x?key=***&sig=***: HTTP 404"),
        ("two: http://a:b@c/ and s3://d:e@f/", "two: http://***@c/ and s3://***@f/"),
        ("http://host/x@y", "http://host/x@y"),
    ],
)
def test_logins_and_queries_of_urls_are_hidden(text, shown):
    assert redacted(text) == shown
