"""What a store says of an object, and what that proves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingestion.land.units import LiveUnit
from ingestion.source.fingerprints import of_object
from ingestion.source.unit import Fingerprint, Found, UnitKey

THEN = datetime(2026, 1, 1, 10, 0, 5, tzinfo=UTC)
KEY = UnitKey("2026-01-01.jsonl", None)


@pytest.mark.parametrize(
    "time",
    [
        THEN,
        THEN.timestamp(),
        "2026-01-01T10:00:05+00:00",
        "2026-01-01T10:00:05",
        "Thu, 01 Jan 2026 10:00:05 GMT",
        "Thu Jan  1 10:00:05 2026",
    ],
)
def test_times_as_stores_give_them(time):
    expected = Fingerprint("7-2026-01-01T10:00:05+00:00", THEN)
    assert of_object({"size": 7, "Last-Modified": time}) == expected


@pytest.mark.parametrize("time", ["yesterday", "0", "2026-13-01T00:00:00", "Thu, 99 Foo"])
def test_what_is_no_time_proves_nothing(time):
    assert of_object({"size": 7, "Last-Modified": time}) == Fingerprint()


def test_the_tag_of_another_place_proves_nothing():
    """Servers that count versions give the same tag to other files."""
    tag = Fingerprint("7-v1")
    later = THEN + timedelta(hours=1)
    numbers = (KEY, date(2026, 1, 1), "1.0", 0, 2)
    live = LiveUnit(*numbers, "https://a/x.jsonl", tag.text, "", "", THEN, later)
    assert live.has(Found(KEY, "https://a/x.jsonl", date(2026, 1, 1), tag))
    assert not live.has(Found(KEY, "https://b/x.jsonl", date(2026, 1, 1), tag))
