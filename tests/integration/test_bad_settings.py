"""Bad settings: one line that names the setting and the value, exit status 2, nothing changed."""

from __future__ import annotations

import socket

import pytest

from ingestion.demo.server import running
from tests.helpers.pipeline import deliver, event, ingest_files, query
from tests.helpers.processes import run

DAY = "2026-01-01"
SNAPSHOT = """
    select (select json_agg(e) from raw.events as e)::text,
        (select json_agg(d) from raw.deliveries as d)::text,
        (select json_agg(l) from raw.loads as l)::text
"""


@pytest.fixture
def loaded(warehouse, tmp_path):
    deliver(tmp_path, DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, tmp_path, DAY)
    return warehouse


def check(warehouse, settings: dict[str, str], *named: str) -> None:
    before = query(warehouse, SNAPSHOT)
    done = run("ingestion", "ingest", **settings)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    for name in named:
        assert name in errors[0]
    assert query(warehouse, SNAPSHOT) == before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"EVENTS_URL": "/nowhere/events.jsonl"}, ["EVENTS_URL", "/nowhere/events.jsonl"]),
        ({"EVENTS_URL": "{folder}/%Y/%m/%d.jsonl"}, ["EVENTS_URL", "%Y/%m/%d.jsonl"]),
        ({"EVENTS_URL": "nothing://here/%Y.jsonl"}, ["EVENTS_URL", "nothing://here"]),
        (
            {"EVENTS_URL": "{folder}/%Y-%m-%d.*", "PROFILES_URL": "/no/p.jsonl"},
            ["PROFILES_URL", "/no/p.jsonl"],
        ),
        ({"EVENTS_URL": ""}, ["EVENTS_URL"]),
        ({"MAPPING": "usagov_clicks", "PROFILES_URL": "/p"}, ["PROFILES_URL", "/p", "usagov"]),
        ({"MAPPING": "unheard_of"}, ["MAPPING", "unheard_of", "canonical"]),
        ({"MAPPING": "mooc_ed", "EVENTS_URL": "{folder}/bad.csv"}, ["MAPPING", "Comment ID"]),
        ({"FROM": "2026-01-02", "TO": "2026-01-01"}, ["FROM=2026-01-02", "TO=2026-01-01"]),
        ({"FROM": "2026-02-30"}, ["FROM", "2026-02-30"]),
        ({"TO": "tomorrow"}, ["TO", "tomorrow"]),
        ({"FROM": ""}, ["FROM"]),
        ({"SOURCE": "ftp"}, ["SOURCE", "ftp"]),
        ({"API_CONCURRENCY": "0"}, ["API_CONCURRENCY", "'0'", "1 to 64"]),
        (
            {"SOURCE": "api", "EVENTS_URL": "/a/path", "EVENTS_API_TOKEN": "t"},
            ["EVENTS_URL", "/a/path"],
        ),
    ],
)
def test_bad_settings(loaded, tmp_path, settings, named):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    valid = {"SOURCE": "files", "EVENTS_URL": "{folder}/%Y-%m-%d.jsonl", "FROM": DAY, "TO": ""}
    filled = {k: v.replace("{folder}", str(tmp_path)) for k, v in (valid | settings).items()}
    check(loaded, filled, *named)


def test_a_wrong_token(loaded):
    with running() as api:
        check(
            loaded,
            {"EVENTS_URL": api.url, "EVENTS_API_TOKEN": "s3cret-canary", "FROM": DAY},
            "EVENTS_API_TOKEN",
            api.url,
            "401",
        )


def test_no_token_where_the_api_asks_for_one(loaded):
    with running() as api:
        check(loaded, {"EVENTS_URL": api.url, "FROM": DAY}, "EVENTS_API_TOKEN", api.url, "401")


def test_an_api_that_is_down(loaded):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        check(loaded, {"EVENTS_URL": url, "EVENTS_API_TOKEN": "t", "FROM": DAY}, "EVENTS_URL", url)


def test_transform_checks_its_range_too(loaded):
    done = run("transform", FROM="2026-01-05", TO="2026-01-01")
    assert (done.returncode, done.stderr) == (2, "error: TO=2026-01-01 is before FROM=2026-01-05\n")
