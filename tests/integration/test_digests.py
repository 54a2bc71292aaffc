"""The digest of a file is taken beside its reading, and is never of other bytes."""

from __future__ import annotations

from threading import Event

from ingestion.land.spool import spool
from ingestion.source import fingerprints
from tests.helpers.pipeline import query
from tests.helpers.units import D1, RAW, counts, put, take
from tests.helpers.waiting import LONG


def test_a_file_that_changes_between_reading_and_hashing_is_read_again(
    warehouse, tmp_path, monkeypatch
):
    place = tmp_path / f"{D1}.jsonl"
    put(place, "a")
    is_read, hashes = Event(), fingerprints._digest

    def spools(*arguments):
        spooled = spool(*arguments)
        is_read.set()
        return spooled

    def changes_and_hashes(path):
        assert is_read.wait(LONG)
        put(place, "b")
        return hashes(path)

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.ingest.spool", spools)
        patch.setattr("ingestion.source.fingerprints._digest", changes_and_hashes)
        take(warehouse, place)
    assert query(warehouse, RAW) == [("a",)]
    assert counts(take(warehouse, place)) == (1, 0, 1, 0)
    assert query(warehouse, RAW) == [("b",)]
