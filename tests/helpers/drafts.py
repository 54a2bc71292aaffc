"""Drafting, checking and reading by a mapping, as `python -m ingestion` does it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from core.days import Window
from ingestion.decode import readers
from ingestion.drafted import Drafted
from ingestion.mapping.landing_schema import SCHEMAS
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping.reading import Reading
from ingestion.mapping_check import Checked, check
from ingestion.mapping_draft import draft
from ingestion.settings import SampleSettings
from ingestion.source.files import find_files
from tests.helpers.landing import STARTED, write

Row = dict[str, Any]
RECORD = {
    "event_id": "e1",
    "user_id": 7,
    "event_type": "v",
    "event_ts": "2026-03-01T12:00:00Z",
    "region": "eu",
}


def lines(*records: Row) -> bytes:
    """Records as JSON lines."""
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def events(number: int = 40, **more: object) -> list[Row]:
    """Records of the project's own kind, of seven users and two regions."""
    return [
        RECORD | {"event_id": f"e{n}", "user_id": n % 7, "region": ["eu", "us"][n % 2]} | more
        for n in range(number)
    ]


def said(tmp_path: Path) -> dict[str, Row]:
    """What `draft.toml` says."""
    return tomllib.loads((tmp_path / "draft.toml").read_text())


def drafted(url: object, mapping: Path, **settings: str) -> Drafted:
    """A draft of what is at a URL, written to `mapping`."""
    asked = {"EVENTS_URL": str(url), "MAPPING": str(mapping), **settings}
    os.environ.update(asked)
    try:
        return draft(SampleSettings.from_env())
    finally:
        for name in asked:
            del os.environ[name]


def checked(url: object, mapping: object, **settings: str) -> Checked:
    """A check of a mapping against what is at a URL."""
    asked = {"EVENTS_URL": str(url), "MAPPING": str(mapping), **settings}
    os.environ.update(asked)
    try:
        return check(SampleSettings.from_env())
    finally:
        for name in asked:
            del os.environ[name]


def of_files(tmp_path: Path, files: dict[str, bytes]) -> Drafted:
    """A draft of a folder with these files, written to `draft.toml` beside it."""
    write(tmp_path / "in", files)
    return drafted(tmp_path / "in", tmp_path / "draft.toml")


def landed(url: str, window: Window, mapping: object, profiles: bool = False) -> list[Row]:
    """What would land of files, in no order, without what names the mapping."""
    loaded = load_mapping(str(mapping))
    table = loaded.profiles if profiles else loaded.events
    assert table
    delivery = find_files("EVENTS_URL", url, window, table)
    rows: list[Row] = []
    with TemporaryDirectory() as scratch:
        units = (unit for _, unit in delivery.units(delivery.found, Path(scratch)))
        for batch in readers.read(units, Reading(table, loaded.name, STARTED)):
            rows += pa.Table.from_batches([batch]).cast(SCHEMAS[table.table]).to_pylist()
    for row in rows:
        del row["source"]
        row["payload"] = json.loads(row["payload"][1:])
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))
