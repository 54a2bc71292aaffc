"""Text is compared by code points, whatever the locale of the user's database."""

from __future__ import annotations

import re

from tests.helpers.pipeline import build, deliver, event, ingest_files, query

DAY = "2026-01-01"


def test_the_winner_of_equal_events_is_the_same_under_any_locale(warehouse, tmp_path):
    """In English a < B, by code points B < a. The embedded server knows no locale but C, so that
    what it is asked to sort by has to be read beside what it finds."""
    copies = [
        event(name, f"{DAY}T10:00:00Z", properties={"name": text})
        for name, texts in {"x": "aB", "y": "Za", "z": "éf"}.items()
        for text in texts
    ]
    deliver(tmp_path, DAY, copies)
    ingest_files(warehouse, tmp_path, DAY)
    build()
    kept = "select event_id, properties ->> 'name' from analytics.fact_events order by 1"
    assert query(warehouse, kept) == [("x", "a"), ("y", "a"), ("z", "é")]
    [(view,)] = query(
        warehouse, "select pg_get_viewdef('intermediate.int_events_deduplicated'::regclass)"
    )
    assert re.search(r'payload\)?::text COLLATE "C"\)* DESC', view), view
