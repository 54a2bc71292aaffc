"""Secrets in files, by a real server that asks for a password, and an API that asks for a token."""

from __future__ import annotations

import pytest

from tests.helpers.postgres import PASSWORD
from tests.helpers.processes import run

TOKEN = "canary-of-a-token-7731"


@pytest.fixture
def in_files(place, tmp_path) -> dict[str, str]:
    """The settings of a server whose password is in a file."""
    place.create()
    settings = dict(place.settings)
    del settings["PGPASSWORD"]
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return settings | {"PGPASSWORD_FILE": str(tmp_path / "password")}


@pytest.mark.timeout(600)
def test_every_client_of_libpq_logs_in(in_files, days, place):
    """psycopg2, ADBC and dbt."""
    for command in (("ingestion", "ingest"), ("transform",), ("reporting",)):
        done = run(*command, **in_files | days)
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
    assert place.execute("select count(*) from analytics.fact_events") == [(9,)]


def test_no_output_has_the_value(in_files, tmp_path):
    """Not of a command that fails with it, nor of the one that shows all settings."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    settings = in_files | {
        "EVENTS_API_TOKEN_FILE": str(tmp_path / "token"),
        "EVENTS_URL": f"http://127.0.0.1:1/{TOKEN}",
        "FROM": "2026-03-01",
    }
    failed = run("ingestion", "ingest", **settings)
    assert failed.returncode == 2
    assert "http://127.0.0.1:1/***" in failed.stderr
    shown = run("commands.doctor", **settings, COLUMNS="500")
    assert f"EVENTS_API_TOKEN *** (from {tmp_path / 'token'})" in " ".join(shown.stdout.split())
    for done in (failed, shown):
        assert TOKEN not in done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr


def test_a_wrong_file_is_one_line(in_files, tmp_path):
    missing = tmp_path / "missing"
    for settings, says in (
        (in_files | {"PGPASSWORD_FILE": str(missing)}, "cannot be read: No such file or directory"),
        (in_files | {"PGPASSWORD": PASSWORD}, "are both set: give one of them"),
    ):
        done = run("reporting", **settings)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert "PGPASSWORD_FILE=" in done.stderr
        assert done.stderr.endswith(f"{says}\n")
        assert PASSWORD not in done.stderr
