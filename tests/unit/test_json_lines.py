"""Blocks of lines are read by two workers at once: every row comes, in the order of the lines."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import pytest

from core.errors import UserError
from ingestion.decode import json_lines, line_blocks
from ingestion.decode.readers import read
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping.reading import Reading
from ingestion.source.unit import Unit
from tests.helpers.pipeline import event

DAY = date(2026, 1, 1)


@pytest.fixture
def small_blocks(monkeypatch):
    """Some 40 blocks of each test's lines, and rows in batches that end anywhere."""
    monkeypatch.setattr(line_blocks, "READ_BYTES", 4_000)
    monkeypatch.setattr(line_blocks, "BLOCK_BYTES", 3_000)
    monkeypatch.setattr(json_lines, "BATCH_ROWS", 7)


def unit(path: Path, lines: list[str]) -> Unit:
    path.write_text("\n".join(lines))
    return Unit(str(path), path, "jsonl", DAY, path.stat().st_size, is_known=True)


def reading() -> Reading:
    return Reading(load_mapping("canonical").tables[0], "canonical", datetime.now(UTC))


def lines_of(ids: range) -> list[str]:
    return [json.dumps(event(f"e{each:04}", f"{DAY}T12:00:00Z")) for each in ids]


def test_every_row_comes_in_the_order_of_the_lines(tmp_path, small_blocks):
    blank = [" \t"] * 3_000  # whole blocks of them
    units = [
        unit(tmp_path / "a", [*blank, *lines_of(range(500)), *blank, *lines_of(range(500, 700))]),
        unit(tmp_path / "b", lines_of(range(700, 703))),
        unit(tmp_path / "c", blank),
        unit(tmp_path / "d", [*lines_of(range(703, 900)), *blank]),
    ]
    found = [each for batch in read(units, reading()) for each in batch["event_id"].to_pylist()]
    assert found == [f"e{number:04}" for number in range(900)]


def test_what_fails_in_a_worker_is_raised(tmp_path, small_blocks, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError("no fields today")

    monkeypatch.setattr(json_lines, "sample", fail)
    with pytest.raises(Exception, match="no fields today"):
        list(read([unit(tmp_path / "a", lines_of(range(500)))], reading()))


def test_a_query_that_loses_a_row_is_no_reading(tmp_path, small_blocks, monkeypatch):
    whole = json_lines.json_lines
    monkeypatch.setattr(
        json_lines,
        "json_lines",
        lambda *given: f"from ({whole(*given)}) where event_id <> 'e0400'",
    )
    with pytest.raises(RuntimeError, match="fewer than lines"):
        list(read([unit(tmp_path / "a", lines_of(range(500)))], reading()))


@pytest.mark.timeout(30)
def test_a_query_that_cannot_be_planned_is_an_error(tmp_path, small_blocks, monkeypatch):
    """Of a mapping with a wrong expression: reading waited for ever, since no block was taken."""
    monkeypatch.setattr(json_lines, "json_lines", lambda *_: "select no_such_column from received")
    with pytest.raises(UserError, match="no_such_column"):
        list(read([unit(tmp_path / "a", lines_of(range(500)))], reading()))


def test_who_stops_early_leaves_no_thread(tmp_path, small_blocks):
    before = threading.active_count()
    batches = read([unit(tmp_path / "a", lines_of(range(500)))], reading())
    assert len(list(islice(batches, 2))) == 2
    batches.close()
    assert threading.active_count() == before
