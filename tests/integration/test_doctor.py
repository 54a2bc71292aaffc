"""`make doctor`: what it sees of program, server, data and settings, and what it calls wrong."""

from __future__ import annotations

from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run

DAY = "2026-01-01"
TOKEN = "kept-to-itself-1234"


def fill(warehouse, folder):
    deliver(folder / "events", DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, folder / "events", DAY)
    build()


def seen(**settings: str) -> tuple[int, str]:
    """The exit status, and what was printed, in one line."""
    done = run("commands.doctor", COLUMNS="80", **settings)
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    return done.returncode, " ".join(done.stdout.split())


def test_an_unused_database(warehouse):
    status, said = seen()
    assert (status, "0 wrong, 1 to look at" in said) == (0, True), said
    assert f"database {warehouse.database}, as {warehouse.user}" in said
    assert "! days not built yet, or not by this version: make transform" in said


def test_what_is_built_and_then_red(built):
    assert seen()[0] == 0
    assert "days those that are built are tested, and of today's models" in seen()[1]
    query(built, "update intermediate.tested_days set passed = false returning 1")
    status, said = seen()
    assert (status, "✗ red days" in said, "a test fails on them" in said) == (1, True, True), said


def test_settings_and_their_origin(warehouse, tmp_path, monkeypatch):
    file = tmp_path / "settings.env"
    file.write_text("MAPPING=web\nEVENTS_ULR=/data/%Y-%m-%d.jsonl\nAWS_PROFILE=x\n")
    status, said = seen(
        ENV_FILE=f"{file}",
        EVENTS_API_TOKEN=TOKEN,
        EVENTS_URL=f"https://u:{TOKEN}@h/e?key={TOKEN}",
        KEEP_DAYS="none",
    )
    assert TOKEN not in said
    assert "EVENTS_API_TOKEN *** (from the environment)" in said
    assert "EVENTS_URL https://***@h/e?key=*** (from the environment)" in said
    assert "MAPPING web (from settings.env)" in said
    assert "✗ KEEP_DAYS KEEP_DAYS='none'" in said
    assert "! EVENTS_ULR in settings.env, and nothing reads it: is EVENTS_URL meant?" in said
    assert ("AWS_PROFILE" in said, status) == (False, 1)


def test_a_role_that_may_not_look_is_told_and_the_rest_is_shown(built):
    query(built, "create role looks_only login; select 1")
    try:
        status, said = seen(PGUSER="looks_only", MAPPING="web")
    finally:
        query(built, "drop role looks_only; select 1")
    assert (status, "✗ error permission denied for schema" in said) == (1, True), said
    assert "MAPPING web (from the environment)" in said


def test_a_server_that_is_not_there(warehouse):
    status, said = seen(PGHOST="127.0.0.1", PGPORT="1")
    assert (status, said.count(": cannot connect: ")) == (1, 1), said
    assert "✗ error PGHOST=127.0.0.1 PGPORT=1 PGDATABASE=test: cannot connect" in said
    assert "Settings that are set" in said, "the rest is shown all the same"
