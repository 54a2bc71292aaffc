"""Real event logs in SHARED_DATA: their counts, all known from counting the files, and mutations.

`make test-real-data`, which fails without them.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.helpers.fuzz import assert_all_accounted_for
from tests.helpers.pipeline import build, ingest_files, query

TOTALS = """
    select sum(received)::int, sum(fact)::int, sum(duplicate)::int, sum(quarantined)::int,
        bool_and(is_complete)
    from analytics.row_accounting
"""
BY_TYPE = "select event_type, count(*) from analytics.fact_events group by 1"
BY_REASON = "select reason, count(*) from analytics.quarantined_events group by 1"


@pytest.fixture
def shared_data() -> Path:
    """The folder of the logs: see docs/testing.md."""
    folder = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared" / "data")
    assert folder.is_dir(), f"SHARED_DATA={str(folder)!r} is no folder"
    return folder


def lines_of(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in sorted(paths):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        yield from content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").splitlines()


def test_mutated_records_are_all_accounted_for(warehouse, shared_data, tmp_path):
    logs = {
        "usagov_clicks": (shared_data / "usagov_clicks").glob("*.gz"),
        "github_events": (shared_data / "github_events").glob("*.gz"),
        "online_retail": (shared_data / "online_retail").glob("*.csv.gz"),
        "mooc_ed": [shared_data / "mooc_ed" / "DLT1 Edgelist.csv"],
    }
    lines = {mapping: lines_of(paths) for mapping, paths in logs.items()}
    assert_all_accounted_for(warehouse, tmp_path, lines, 2_000)


def test_online_retail(warehouse, shared_data):
    template = str(shared_data / "online_retail" / "%Y-%m-%d.csv.gz")
    for _ in range(2):  # running both again changes no count
        result = ingest_files(
            warehouse, template, "2010-12-01", "2011-12-09", mapping="online_retail"
        )
        build()
        assert result.missing_windows == 69
        assert query(warehouse, TOTALS) == [(541_909, 401_602, 5_227, 135_080, True)]
        assert dict(query(warehouse, BY_TYPE)) == {"purchase": 392_730, "cancel": 8_872}
        assert dict(query(warehouse, BY_REASON)) == {"missing_user_id": 135_080}
        assert query(warehouse, "select count(*) from analytics.fact_events") == [(401_602,)]


def test_usagov_clicks(warehouse, shared_data):
    """Every line is a fact, a duplicate, or quarantined; the facts are an oracle's."""
    keys, lines = set(), 0
    for path in sorted((shared_data / "usagov_clicks").glob("*.gz")):
        for line in gzip.open(path, "rt", encoding="utf-8"):
            lines += 1
            try:
                click = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "t" in click:
                user = tuple(str(click.get(field)) for field in ("a", "ll", "al", "tz"))
                key = tuple(str(click.get(field)) for field in ("t", "h", "a", "ll", "u", "r"))
                keys.add((datetime.fromtimestamp(click["t"], UTC).date(), user, key))
    template = str(shared_data / "usagov_clicks" / "usagov_bitly_data%Y-%m-%d-*.gz")
    ingest_files(warehouse, template, "2013-01-01", "2013-05-31", mapping="usagov_clicks")
    build()

    assert lines == 207_680
    assert dict(query(warehouse, BY_REASON)) == {"malformed_json": 2, "missing_event_id": 5_511}
    assert query(warehouse, TOTALS) == [(lines, len(keys), 202_167 - len(keys), 5_513, True)]
    assert query(
        warehouse,
        """select record #>> '{}' from analytics.quarantined_events
        where reason = 'malformed_json' limit 1""",
    )[0][0].startswith('{ "a": "Mozilla\\/5.0 (Windows NT 6.1; WOW64; rv:17.0)')


def test_github_events(warehouse, shared_data):
    template = str(shared_data / "github_events" / "gh_events_%Y-%m*.jsonl.gz")
    ingest_files(warehouse, template, "2016-07-01", "2023-04-30", mapping="github_events")
    build()
    events = {}
    for path in (shared_data / "github_events").glob("*.jsonl.gz"):
        for line in gzip.open(path, "rt", encoding="utf-8"):
            event = json.loads(line)
            events[event["id"]] = event
    facts = query(
        warehouse, "select event_id, user_id, event_type, properties from analytics.fact_events"
    )
    assert query(warehouse, TOTALS) == [(2_900, len(events), 2_900 - len(events), 0, True)]
    assert {(fact[0], fact[1], fact[2]) for fact in facts} == {
        (key, str(event["actor"]["id"]), event["type"]) for key, event in events.items()
    }
    for event_id, _, _, properties in facts:
        for name, value in events[event_id]["payload"].items():
            assert properties.get(name, properties.get("payload", {}).get(name)) == value
        assert properties["repo"] == events[event_id]["repo"]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_mooc_ed(warehouse, shared_data):
    """Two courses whose columns differ: every post carries its sender's own tier and region."""
    folder = shared_data / "mooc_ed"
    ingest_files(
        warehouse,
        str(folder / "DLT* Edgelist.csv"),
        "2014-01-31",
        mapping="mooc_ed",
        profiles_url=str(folder / "DLT* Nodes.csv"),
    )
    build()
    expected = {}
    for course, id_column in (("DLT1", "Comment ID"), ("DLT2", "CommentID")):
        people = {
            row.get("UID", row.get("uid")): (
                row["experience"],
                "unknown" if row["region"] == "NULL" else row["region"],
            )
            for row in _rows(folder / f"{course} Nodes.csv")
        }
        for post in _rows(folder / f"{course} Edgelist.csv"):
            day = datetime.strptime(post["Timestamp"].split()[0], "%m/%d/%y").date()
            user = f"{course}-{post['Sender']}"
            expected[day, user, post[id_column]] = people[post["Sender"]]
    facts = query(
        warehouse,
        "select event_date, user_id, event_id, user_tier, user_region from analytics.fact_events",
    )
    assert {(day, user, event): profile for day, user, event, *profile in facts} == {
        key: list(profile) for key, profile in expected.items()
    }
    assert {user[:4] for _, user, *_ in facts} == {"DLT1", "DLT2"}
    assert query(warehouse, TOTALS) == [(5_113, len(expected), 5_113 - len(expected), 0, True)]
