"""Records with several faults at once: landing, staging and replay give the same, first, reason."""

from __future__ import annotations

import csv
import io
import json
import random

import pytest

from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run

pytestmark = pytest.mark.tables_built

DAY = "2026-01-01"
# The order that docs.md promises, written down here once more.
ORDER = [
    "oversized_record",
    "invalid_encoding",
    "nul_character",
    "malformed_json",
    "malformed_csv",
    "nested_too_deeply",
    "duplicate_key",
    "oversized_field",
    "invalid_event_ts",
    "event_ts_out_of_range",
    "missing_event_id",
    "missing_user_id",
    "missing_event_type",
    "missing_event_ts",
]
# Of each group a record can have one.
FIELDS = [
    ["oversized_field", "missing_user_id"],
    ["invalid_event_ts", "event_ts_out_of_range", "missing_event_ts"],
    ["missing_event_id"],
    ["missing_event_type"],
]
IN_JSON = [
    ["invalid_encoding"],
    ["nul_character"],
    ["malformed_json"],
    ["nested_too_deeply"],
    ["duplicate_key"],
]
IN_CSV = [["invalid_encoding"], ["nul_character"], ["malformed_csv"]]
RECORDS = 400


def faults(rng: random.Random, groups: list[list[str]]) -> set[str]:
    """Some faults: of each group none or one."""
    return {rng.choice(group) for group in groups if rng.random() < 0.35}


def faulty(number: int, has: set[str]) -> dict[str, str]:
    """A record with those of the faults that its fields can have."""
    record = {
        "event_id": f"e{number}",
        "user_id": "u" * 1001 if "oversized_field" in has else "u",
        "event_type": "click",
        "event_ts": f"{DAY}T10:00:00Z",
        "n": str(number),
    }
    if "invalid_event_ts" in has:
        record["event_ts"] = "yesterday"
    if "event_ts_out_of_range" in has:
        record["event_ts"] = "1970-01-01T00:00:00Z"
    for fault in has:
        if fault.startswith("missing_"):
            record[fault.removeprefix("missing_")] = " "
    return record


def as_json(number: int, has: set[str]) -> bytes:
    text = json.dumps(faulty(number, has))[:-1]
    if "nul_character" in has:
        text += ', "nul": "\\u0000"'
    if "nested_too_deeply" in has:
        text += ', "deep": ' + "[" * 600 + "]" * 600
    if "duplicate_key" in has:
        text += ', "n": 1'
    line = text.encode() + (b', "bad": "\xff"' if "invalid_encoding" in has else b"")
    return line + (b"\n" if "malformed_json" in has else b"}\n")


def as_csv(number: int, has: set[str]) -> bytes:
    row = [*faulty(number, has).values(), "x", "y"]
    if "nul_character" in has:
        row[-2] = "a\0b"
    if "invalid_encoding" in has:
        row[-1] = "?"
    if "malformed_csv" in has:
        row.append("one too many")
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(row)
    return written.getvalue().encode().replace(b"?", b"\xff")


def expected(has: set[str]) -> str | None:
    return min(has, key=ORDER.index) if has else None


REASONS = """select coalesce(reject_reason, 'none'), count(*) from {table} group by 1 order by 1"""


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_the_first_reason_wins_everywhere(warehouse, tmp_path, kind):
    rng = random.Random(14)  # noqa: S311
    of_format, write = (IN_JSON, as_json) if kind == "jsonl" else (IN_CSV, as_csv)
    drawn = [faults(rng, FIELDS + of_format) for _ in range(RECORDS)]
    header = b"" if kind == "jsonl" else b"event_id,user_id,event_type,event_ts,n,x,y\n"
    lines = [write(number, has) for number, has in enumerate(drawn)]
    (tmp_path / f"{DAY}.{kind}").write_bytes(header + b"".join(lines))
    template = str(tmp_path / f"%Y-%m-%d.{kind}")
    result = ingest_files(warehouse, template, DAY, max_quarantined=1)

    reasons = [expected(has) or "none" for has in drawn]
    counts = sorted((reason, reasons.count(reason)) for reason in set(reasons))
    assert len(counts) >= 9
    landed = query(warehouse, REASONS.format(table="raw.events"))
    assert landed == counts
    rejected = [(reason, n) for reason, n in counts if reason != "none"]
    assert sorted(result.events.rejected.items()) == rejected

    build()
    assert query(warehouse, REASONS.format(table="staging.stg_events")) == counts
    quarantined = "select reason, count(*) from analytics.quarantined_events group by 1 order by 1"
    assert query(warehouse, quarantined) == rejected

    # Each record for itself too, where it says which one it is.
    by_record = query(
        warehouse,
        """select (payload ->> 'n')::int, reject_reason from raw.events
        where jsonb_typeof(payload) = 'object' and reject_reason is not null""",
    )
    assert len(by_record) > 30
    assert [(n, reason) for n, reason in by_record if reason != expected(drawn[n])] == []

    done = run("ingestion", "replay", MAX_QUARANTINED="1")
    assert done.returncode == 0, done.stderr
    assert query(warehouse, REASONS.format(table="raw.events")) == counts
    for reason, records in rejected:
        assert f"  {reason}: {records:,} replayed, 0 became events" in done.stdout


def test_a_record_that_is_too_long_is_just_that(warehouse, tmp_path):
    """Also where it is no UTF-8 and no JSON."""
    (tmp_path / f"{DAY}.jsonl").write_bytes(b"{\xff" + b"x" * (16 * 2**20 + 1) + b"\n")
    ingest_files(warehouse, tmp_path, DAY)
    assert query(warehouse, "select reject_reason from raw.events") == [("oversized_record",)]


def test_profiles_have_reasons_too(warehouse, tmp_path):
    profile = {"user_id": "u", "tier": "pro", "region": "eu", "updated_at": f"{DAY}T00:00:00Z"}
    wrong = [
        {"updated_at": "soon"},
        {"updated_at": "9999-12-31T23:59:59-14:00"},
        {"user_id": ""},
        {"updated_at": None},
        {"user_id": None, "updated_at": None},
        {"user_id": None, "updated_at": "soon"},
        {"tier": None},
    ]
    lines = [json.dumps(profile | fault) for fault in wrong]
    (tmp_path / f"p-{DAY}.jsonl").write_text("\n".join(lines))
    (tmp_path / f"{DAY}.jsonl").touch()
    ingest_files(warehouse, tmp_path, DAY, profiles_url=str(tmp_path / "p-%Y-%m-%d.jsonl"))
    found = query(warehouse, REASONS.format(table="raw.user_profiles"))
    assert found == [
        ("invalid_updated_at", 2),
        ("missing_updated_at", 1),
        ("missing_user_id", 2),
        ("none", 1),
        ("updated_at_out_of_range", 1),
    ]


def test_how_early_an_event_may_be(warehouse, tmp_path):
    """EVENT_TS_MIN, as option and as variable, of an ingestion and of a replay: that day counts."""
    days = ("1984-12-31", "1985-01-01", "1994-12-31", "1995-01-01")
    deliver(tmp_path, DAY, [event(day, f"{day}T00:00:00Z") for day in days])
    facts = "select event_id from staging.stg_events where reject_reason is null order by 1"
    where = {"EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl", "FROM": DAY, "MAX_QUARANTINED": "1"}
    build()

    def after(*command: str, **settings: str) -> list[str]:
        done = run("ingestion", *command, **settings)
        assert done.returncode == 0, done.stderr
        reasons = "select distinct reject_reason from staging.stg_events where reject_reason > ''"
        assert query(warehouse, reasons) in ([("event_ts_out_of_range",)], [])
        return [found for (found,) in query(warehouse, facts)]

    assert after("ingest", **where) == [*days[2:]]
    assert after("ingest", **where, EVENT_TS_MIN="1995-01-01") == [days[3]]
    assert after("replay") == [*days[2:]]
    assert after("replay", "--event-ts-min", "1985-01-01") == [*days[1:]]
    assert after("replay", EVENT_TS_MIN="0001-01-01") == [*days]
    assert after("ingest", "--event-ts-min", "1985-01-01", **where) == [*days[1:]]
