"""How rows reach Postgres: files for COPY, as many as memory and the order of days ask for."""

from __future__ import annotations

import pytest

from ingestion.decode import line_blocks as lines
from ingestion.land import spool
from tests.helpers.pipeline import deliver, event, ingest_files, query

DAY = "2026-01-01"


@pytest.mark.parametrize(
    ("file_bytes", "one_copy_bytes", "expected"),
    [
        (100_000, 0, [2, 2]),  # more than both COPYs may hold: again and again, both alike
        (10_000_000, 0, [2]),
        (10_000_000, 10_000_000, [1]),  # a small load is one COPY
    ],
)
def test_each_record_lands_once(
    warehouse, tmp_path, monkeypatch, file_bytes, one_copy_bytes, expected
):
    files = []
    write = spool._write

    def noted(*arguments):
        written = write(*arguments)
        files.append(len(written))
        return written

    monkeypatch.setattr(spool, "_write", noted)
    monkeypatch.setattr(spool, "FILE_BYTES", file_bytes)
    monkeypatch.setattr(spool, "ONE_COPY_BYTES", one_copy_bytes)
    monkeypatch.setattr(spool, "GROUP_ROWS", 50)
    monkeypatch.setattr(lines, "READ_BYTES", 10_000)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 7_500)
    ids = [f"e{number:04}" for number in range(3_000)]
    deliver(tmp_path, DAY, [event(each, f"{DAY}T12:00:00Z") for each in ids])
    assert ingest_files(warehouse, tmp_path, DAY).events.total == len(ids)
    landed = query(warehouse, "select event_id, payload->>'id' from raw.events order by 1")
    assert landed == [(each, each) for each in ids]
    assert files == expected
