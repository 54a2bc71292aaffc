"""dbt as any CI calls it, without this project's commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from core.settings import ROOT
from core.warehouse.embedded import data_dir, start_embedded, stop_embedded
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import END, dbt, run


def build_elsewhere(target: Path) -> subprocess.CompletedProcess[str]:
    """`dbt build` by its script, where as in a fresh clone no dbt has parsed anything at first."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            *("build", "--project-dir", "dbt", "--profiles-dir", "profiles"),
            *("--target", "ci", "--target-path", target, "--log-path", target),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=END,
    )


def test_dbt_build_by_itself(warehouse, tmp_path):
    """In an empty database, and then with some events; unit tests included."""
    query(warehouse, "drop schema raw cascade; select 1")
    assert build_elsewhere(tmp_path / "target").returncode == 0
    assert query(warehouse, "select count(*) from analytics.fact_events") == [(0,)]

    deliver(tmp_path / "events", "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", "2026-01-01")
    done = build_elsewhere(tmp_path / "target")
    assert done.returncode == 0, done.stdout
    assert query(warehouse, "select event_id from analytics.fact_events") == [("a",)]
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    unit_tests = {r["unique_id"]: r["status"] for r in results if r["unique_id"][:5] == "unit_"}
    assert len(unit_tests) == 10
    assert set(unit_tests.values()) == {"pass"}


def test_a_range_of_dbts_own_flags(warehouse, tmp_path):
    for day in ("2026-01-01", "2026-01-02"):
        deliver(tmp_path / "events", day, [event("a", f"{day}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", "2026-01-01", "2026-01-02")
    build()
    query(warehouse, "update raw.day_versions set version = version + 1; select 1")
    window = ("--event-time-start", "2026-01-02", "--event-time-end", "2026-01-03")
    assert dbt("build", *window).returncode == 0
    versions = """select day::text, version from intermediate.built_days
        where model = 'fact_events' order by 1"""
    assert query(warehouse, versions) == [("2026-01-01", 1), ("2026-01-02", 2)]


def test_dbt_alone_stops_where_make_would_use_another_server(tmp_path, monkeypatch):
    """The embedded server, which dbt alone comes to, reads .env for it."""
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PWD", f"{tmp_path}")
    monkeypatch.setenv("LOCAL_DIR", f"{tmp_path / 'local'}")
    start_embedded()
    env, command = tmp_path / ".env", ("run", "--select", "stg_events")
    try:
        for text, says in {
            "# PGHOST=db\nPGDATABASE=fact_events\nEVENTS_API_TOKEN=PGHOST=x\n": None,
            "A=1\n export PGHOST = 'db.example.com' # x\n": "PGHOST=db.example.com",
            "PGDATABASE=other\n": "PGDATABASE=other",
            "PGSERVICE=events\n": "PGSERVICE=events",
        }.items():
            env.write_text(text)
            done = dbt(*command)
            assert done.returncode == (2 if says else 0), done.stdout
            assert (
                says is None
                or f"\n  .env has {says}, which make uses, and dbt alone" in done.stdout
            )
        monkeypatch.setenv("PGSERVICE", "")
        monkeypatch.setenv("PGHOST", str(data_dir()))
        done = dbt(*command)
        assert done.returncode == 2
        assert "'PGDATABASE, beside PGHOST: dbt alone reads no .env'" in done.stdout
        monkeypatch.delenv("PGHOST")
    finally:
        stop_embedded()


def test_a_build_leaves_the_environment_as_it_was(warehouse, tmp_path):
    before = dict(os.environ)
    build()
    assert dict(os.environ) == before


def test_dbt_that_does_not_begin_is_an_error(warehouse):
    done = run("transform", TARGET="nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("error: dbt: ")
    assert "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1
