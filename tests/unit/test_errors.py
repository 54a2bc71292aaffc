"""No secret in a message, however it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest

from core.errors import SECRETS, Unavailable, UserError, redacted
from core.settings import ROOT

SECRET = "a/b+c d%e"  # every character that a URL has to quote, or may leave


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "written",
    [SECRET, quote(SECRET, safe=""), quote(SECRET), quote_plus(SECRET)],
    ids=["as it is", "quoted", "quoted but for slashes", "of a form"],
)
def test_a_secret_is_hidden_wherever_it_stands(monkeypatch, name, written):
    monkeypatch.setenv(name, SECRET)
    assert redacted(f"open /key/{written}/events: no") == "open /key/***/events: no"
    for kind in (UserError, Unavailable):
        assert str(kind(f"{written} is refused")) == "*** is refused"


def test_no_traceback_shows_a_secret():
    """Of an error that is nobody's but ours, and of what it was raised from."""
    program = """
import os, sys
from core.command_line import run_command
def fails():
    try:
        raise ValueError("refused: " + os.environ["PGPASSWORD"])
    except ValueError as error:
        raise RuntimeError(repr([os.environ["EVENTS_API_OWN"]])) from error
sys.exit(run_command(fails))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PGPASSWORD": SECRET, "EVENTS_API_OWN": 'it\'s \\ "secret"'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "ValueError: refused: ***" in done.stderr
    assert done.stderr.endswith("RuntimeError: ['***']\n")


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
