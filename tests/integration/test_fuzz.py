"""Mutated records of every format, and mutated bytes of files: nothing crashes, nothing is lost."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from ingestion.decode.readers import read
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping.reading import Reading
from ingestion.source.unit import Unit
from tests.helpers.fuzz import assert_all_accounted_for, mutate

RECORDS = 400  # of each format; tests/outside has 2,000 real ones


def usagov_clicks() -> Iterator[bytes]:
    for n in range(RECORDS):
        click = {"a": f"Mozilla/5.0 (X11; {n % 7})", "c": "US", "nk": n % 2, "al": "en-US,en;q=0.5"}
        click |= {"tz": "America/Los_Angeles", "g": f"g{n}", "h": f"h{n}", "r": "direct"}
        click |= {"u": "http://www.nasa.gov/a b/\u00e9", "t": 1_356_999_059 + n, "cy": "S\u00e3o"}
        yield json.dumps(click | {"ll": [37.419201, -122.057404]}).encode()


def github_events() -> Iterator[bytes]:
    for n in range(RECORDS):
        commits = [{"sha": f"{n:040x}", "message": 'Say "hi"\n\nTwice', "distinct": True}]
        event = {"id": f"{4_243_622_490 + n}", "type": "PushEvent", "public": True}
        event |= {"actor": {"id": n % 9, "login": f"someone-{n % 9}", "gravatar_id": ""}}
        event |= {"created_at": f"2016-07-07T00:{n % 60:02d}:00Z", "repo": {"id": 1, "name": "a/b"}}
        event |= {"payload": {"size": 1, "push_id": 1_191_799_187 + n, "commits": commits}}
        yield json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def online_retail() -> Iterator[bytes]:
    yield b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    for n in range(RECORDS):
        what = '"LANTERN, ""RED"""' if n % 3 else "WHITE HANGING HEART"
        row = f"{536_365 + n},85123A,{what},6,2010-12-01 08:{n % 60:02d}:00,2.55,17850.0,France"
        yield row.encode()


def mooc_ed() -> Iterator[bytes]:
    yield b"Sender,Receiver,Timestamp,Discussion Title,Category Text,Comment ID,Discussion ID"
    for n in range(RECORDS):
        row = f'{n % 50},444,4/{n % 28 + 1}/13 16:{n % 60:02d},"Goals, and \u00abwhy\u00bb",,{n},23'
        yield row.encode()


def test_mutated_records_are_all_accounted_for(warehouse, tmp_path):
    logs = (usagov_clicks, github_events, online_retail, mooc_ed)
    assert_all_accounted_for(warehouse, tmp_path, {log.__name__: log() for log in logs}, RECORDS)


@pytest.mark.parametrize("packed", [False, True])
def test_mutated_bytes_of_a_file_are_rows_or_one_clear_line(tmp_path, packed):
    """What a damaged Parquet or gzip file cannot do is end the process, or read as another one."""
    rng = random.Random(5)  # noqa: S311
    table = pa.table({"InvoiceNo": [str(n) for n in range(500)], "StockCode": ["a\u00e9"] * 500})
    for name in ("Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"):
        table = table.append_column(name, pa.array(["1"] * 500))
    file = io.BytesIO()
    pq.write_table(table, file)
    original = gzip.compress(file.getvalue(), mtime=0) if packed else file.getvalue()
    path = tmp_path / ("x.parquet.gz" if packed else "x.parquet")
    delivered = Unit(str(path), path, "parquet", date(2026, 1, 1), 0)
    mapping = load_mapping("online_retail").events
    errors = []
    for _ in range(60):
        path.write_bytes(mutate(rng, mutate(rng, original)))
        try:
            started = datetime(2026, 1, 2, tzinfo=UTC)
            reading = Reading(mapping, "online_retail", started, 1_000)
            rows = sum(batch.num_rows for batch in read([delivered], reading))
            assert rows == 500
        except UserError as error:
            errors.append(str(error))
    assert len(errors) > 10
    assert not [error for error in errors if "\n" in error]
