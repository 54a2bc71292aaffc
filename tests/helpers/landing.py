"""Files of any format written, found by a template, and read to the rows that land."""

import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from core.days import parse_window
from ingestion.decode import readers
from ingestion.mapping.landing_schema import SCHEMAS
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping.reading import Reading
from ingestion.source.files import find_files

STARTED = datetime(2026, 3, 3, 12, tzinfo=UTC)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = b"event_id,user_id,event_type,event_ts,region"
ROW = b"e1,u,v,2026-03-01T12:00:00Z,eu"


def parquet(**columns):
    base = {
        "event_id": ["e1"],
        "user_id": [7],
        "event_type": ["v"],
        "event_ts": pa.array([NOON], pa.timestamp("us", "America/New_York")),
        "region": pa.array(["eu"]).dictionary_encode(),
    }
    file = io.BytesIO()
    pq.write_table(pa.table(base | columns), file)
    return file.getvalue()


def jsonl(event_id="e1", **more):
    record = {"event_id": event_id, "user_id": 7, "event_type": "v", "region": "eu"}
    return json.dumps(record | {"event_ts": "2026-03-01T12:00:00Z"} | more).encode() + b"\n"


def write(directory, files):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed(name, content))


def packed(name, content):
    if name.endswith(".zst"):
        return pa.compress(content, "zstd", asbytes=True) if content else content
    return gzip.compress(content) if name.endswith(".gz") else content


def found(tmp_path, template, first="2026-03-01", last="2026-03-03", mapping="canonical"):
    table = load_mapping(mapping).events
    return find_files("EVENTS_URL", str(template), parse_window(first, last), table)


def read(delivery, mapping="canonical", profiles=False):
    """The landing rows, with the payload as Python has it."""
    loaded = load_mapping(mapping)
    table = loaded.profiles if profiles else loaded.events
    rows = []
    with TemporaryDirectory() as scratch:
        units = (unit for _, unit in delivery.units(delivery.found, Path(scratch)))
        for batch in readers.read(units, Reading(table, loaded.name, STARTED, 1000)):
            rows += pa.Table.from_batches([batch]).cast(SCHEMAS[table.table]).to_pylist()
        assert not list(Path(scratch).iterdir()), "a copy is gone when it has been read"
    for row in rows:
        assert row["payload"][0] == "\x01"
        row["payload"] = json.loads(row["payload"][1:])
    return rows


def read_one(tmp_path, name, content, mapping="canonical"):
    write(tmp_path, {name: content})
    return read(found(tmp_path, tmp_path / name, mapping=mapping), mapping)


def brief(rows):
    pairs = [(row["event_id"] or row["payload"], row["reject_reason"]) for row in rows]
    return sorted(pairs, key=str)
