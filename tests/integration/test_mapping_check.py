"""What a check shows is what ingestion lands; it ends non-zero where nothing would."""

from __future__ import annotations

import io
import json
import re
from collections import Counter

import pytest
from rich.console import Console

from core.days import Window
from core.errors import UserError
from ingestion.demo.files import DAYS, write_demo_files
from ingestion.sample_tables import show_check
from tests.helpers.drafts import checked, events, landed, lines
from tests.helpers.landing import write
from tests.helpers.processes import run_fresh


def shown(found, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    show_check(found, console)
    return console.export_text()


def test_the_counts_are_those_of_the_rows_that_land(tmp_path):
    write_demo_files(tmp_path)
    [table] = checked(f"{tmp_path}/events/%Y-%m-%d.jsonl.gz", "canonical").tables
    rows = landed(f"{tmp_path}/events/%Y-%m-%d.jsonl.gz", Window.of_days(DAYS), "canonical")
    reasons = Counter(row["reject_reason"] for row in rows if row["reject_reason"])
    assert (table.received, table.reasons) == (len(rows), reasons)
    accepted = [row for row in rows if not row["reject_reason"]]
    times = [row["event_ts"] for row in accepted]
    assert (table.first, table.last) == (min(times), max(times))
    pairs = {(row["user_id"], row["event_id"]) for row in accepted}
    assert table.repeated == len(accepted) - len(pairs)


def test_what_is_shown_fits_the_terminal(tmp_path):
    record = {"note": "x" * 900, "esc": "\x1b[31m", "event_type": "a very long type of an event"}
    bad = {"event_id": "b", "event_ts": "never"}
    write(tmp_path, {"2026-03-01.jsonl": lines(*events(9, **record), *events(3, **bad))})
    found = checked(f"{tmp_path}/*.jsonl", "canonical")
    for width in (60, 80, 140):
        text = shown(found, width)
        assert max(map(len, text.splitlines())) <= width
        assert "\x1b" not in text
    assert "9 of 12 events accepted (75.0 %)" in text
    assert re.search(r"invalid_event_ts\s+│\s+3", text)
    assert "Times: 2026-03-01 12:00:00 to 2026-03-01 12:00:00 UTC" in text
    assert "Kept in properties, in no column: esc 75 %, note 75 %" in text
    assert {"e0", "b"} & set(re.findall(r"\w+", text))


def test_profiles_are_checked_too(tmp_path):
    write_demo_files(tmp_path)
    files = f"{tmp_path}/events/%Y-%m-%d.jsonl.gz"
    found = checked(files, "canonical", PROFILES_URL=f"{tmp_path}/profiles/%Y-%m-%d.csv")
    assert [(table.called, table.accepted) for table in found.tables] == [
        ("events", 6_394),
        ("user profiles", 4_410),
    ]


def test_none_accepted_is_a_refusal(tmp_path):
    write(tmp_path, {"2026-03-01.jsonl": b'{"a": 1}\n' * 3})
    with pytest.raises(UserError, match=r"accepts none: 3 records \(missing_event_id 3\)"):
        checked(f"{tmp_path}/*.jsonl", "canonical").refuse()


def test_one_accepted_is_enough(tmp_path):
    write(tmp_path, {"2026-03-01.jsonl": b'{"a": 1}\n' * 3 + lines(*events(1))})
    checked(f"{tmp_path}/*.jsonl", "canonical").refuse()


def test_a_column_that_is_missing_is_what_ingestion_would_say(tmp_path):
    write(tmp_path, {"2026-03-01.csv": b"event_id,user_id\n1,2\n"})
    with pytest.raises(UserError, match="needs the column 'event_type'"):
        checked(f"{tmp_path}/*.csv", "canonical").refuse()


def test_the_commands_say_what_to_type_next_and_end_as_they_should(tmp_path, monkeypatch):
    write(tmp_path / "in", {"2026-03-01.jsonl": lines(*events())})
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setenv("COLUMNS", "200")
    mapping = str(tmp_path / "m.toml")
    done = run_fresh(
        "ingestion", "mapping-draft", "--events-url", f"{tmp_path}/in", "--mapping", mapping
    )
    assert (done.returncode, done.stderr) == (0, "")
    check, ingest, transform = (line.strip() for line in done.stdout.splitlines()[-3:])
    where = f"SOURCE=files MAPPING={mapping} EVENTS_URL={tmp_path}/in/%Y-%m-%d.jsonl"
    assert check == f"make mapping-check {where}"
    assert ingest == f"make ingest {where} FROM=2026-03-01 TO=2026-03-01"
    assert transform == "make transform"
    options = ["--events-url", f"{tmp_path}/in/%Y-%m-%d.jsonl", "--mapping"]
    done = run_fresh("ingestion", "mapping-check", *options, mapping)
    assert (done.returncode, done.stderr) == (0, "")
    assert "40 of 40 events accepted" in done.stdout
    done = run_fresh("ingestion", "mapping-check", *options, "mooc_ed")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "error: MAPPING='mooc_ed' accepts none" in done.stderr
    again = run_fresh(
        "ingestion", "mapping-draft", "--events-url", f"{tmp_path}/in", "--mapping", mapping
    )
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "local" / "postgres").exists()


def test_a_secret_in_an_address_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTS_API_TOKEN", "canary-4711")
    record = json.dumps(events(1)[0] | {"note": "canary-4711"})
    write(tmp_path, {"2026-03-01.jsonl": record.encode()})
    assert "canary" not in shown(checked(f"{tmp_path}/*.jsonl", "canonical"), 200)
