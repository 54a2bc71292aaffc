"""No secret in what is printed, kept or shown: every failure is provoked with canaries, and all
that came of it is searched for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
from psycopg2.errors import InsufficientPrivilege

from commands.reference import ROOMS
from core.days import parse_range
from core.settings import ROOT, declared_in
from ingestion.cli import main
from ingestion.source import http_client
from ingestion.source.http_client import RetryBudget
from orchestration.definitions import definitions
from orchestration.ranges import run_range
from tests.helpers.faults import PERMANENT, TRANSIENT
from tests.helpers.faulty_api import PAGE_ROWS, PAGES, Fault, faulty_api, status
from tests.helpers.pipeline import query
from tests.helpers.waiting import LONG, wait_until

# Characters that a URL has to quote, and one of its own for every run: dbt's logs are kept.
CANARY = f"canary/{os.getpid()}+{time.time_ns()}"
DAY = "2026-03-01"
# Every setting that is declared to be a secret, and a variable that a mapping reads.
SECRET_SETTINGS = [
    setting.name
    for room in ROOMS
    for setting in declared_in(import_module(f"{room}.settings"))
    if setting.secret
] + ["EVENTS_API_SECRET"]
MAPPED = (ROOT / "ingestion" / "mapping" / "canonical.toml").read_text().split("[profiles]")[0]
API = """
[api]
path = "/events"
params = { date = "{date}" }
data_selector = "events"
paginator = { type = "cursor", cursor_path = "next_cursor", cursor_param = "cursor" }
[api.auth]
"""
AUTHS = {
    "bearer": 'type = "bearer"\ntoken = "env:EVENTS_API_SECRET"',
    "key in a header": """type = "api_key"\nname = "X-Key"\napi_key = "env:EVENTS_API_SECRET" """,
    "key in the query": """type = "api_key"
        name = "key"\nlocation = "query"\napi_key = "env:EVENTS_API_SECRET" """,
    "basic": """type = "http_basic"\nusername = "me"\npassword = "env:EVENTS_API_SECRET" """,
    "oauth2": """type = "oauth2_client_credentials"\naccess_token_url = "{base}/token"
        client_id = "me"\nclient_secret = "env:EVENTS_API_SECRET" """,
}
NEVER: Fault = lambda asked: False  # noqa: E731


@pytest.fixture
def secrets(warehouse, monkeypatch):
    """Every secret is the canary. The warehouse is empty, wants it as its user's password, and the
    user may do no more than the documentation asks for. Returns the user's name."""
    role = "loader"
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute("drop schema raw, intermediate, partitions cascade")
        cursor.execute(f"create role {role} login password %s", (CANARY,))
        cursor.execute(f"grant create on database {warehouse.database} to {role}")
        cursor.execute("show hba_file")
        hba = Path(cursor.fetchone()[0])
        before = hba.read_text()
        hba.write_text(f"local all {role} scram-sha-256\n{before}")
        cursor.execute("select pg_reload_conf()")
    for setting in SECRET_SETTINGS:
        monkeypatch.setenv(setting, CANARY)
    monkeypatch.setenv("PGUSER", role)
    monkeypatch.setenv("FROM", DAY)
    monkeypatch.setattr(
        http_client,
        "RETRY_BUDGET",
        RetryBudget(attempts=2, first_wait=0.001, longest_wait=0.01, silence=0.3, page=0.5),
    )
    yield role
    hba.write_text(before)
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(f"select pg_reload_conf(); drop owned by {role} cascade; drop role {role}")


def with_secrets(url: str) -> str:
    """A URL with a login and a key in it."""
    secret = quote(CANARY, safe="")
    return url.replace("://", f"://me:{secret}@") + f"/?api_key={secret}"


def assert_clean(text: str) -> None:
    for written in (CANARY, quote(CANARY, safe=""), quote(CANARY)):
        assert written not in text


def assert_files_clean(*folders: Path) -> int:
    """Search every file below the folders; returns how many there were."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        for written in (CANARY, quote(CANARY, safe="")):
            assert written.encode() not in content, path
    return len(files)


def test_no_failure_of_an_api_shows_a_secret(warehouse, secrets, monkeypatch, capfd, tmp_path):
    faults = [fault for fault, _ in PERMANENT.values()]
    faults += [TRANSIENT[name] for name in ("500", "cut between chunks", "cut gzip", "not UTF-8")]
    for fault in faults:
        with faulty_api(fault) as api:
            monkeypatch.setenv("EVENTS_URL", with_secrets(api.url))
            assert main(["ingest"]) in (0, 2)
    shown = capfd.readouterr()
    assert_clean(shown.out + shown.err)
    assert shown.err.count("error: EVENTS_API_TOKEN is refused by EVENTS_URL=http://***@") == 3
    assert_files_clean(tmp_path)


def test_the_list_is_of_all_secrets():
    assert {"EVENTS_API_TOKEN", "PGPASSWORD", "HASH_KEY", "SMTP_URL"} <= {*SECRET_SETTINGS}


@pytest.mark.parametrize("kind", AUTHS)
@pytest.mark.parametrize("odd", ["", "\n", "\u20ac", "\nX: y"])
def test_no_kind_of_login_shows_its_secret(
    warehouse, secrets, monkeypatch, capfd, tmp_path, kind, odd
):
    """Whatever is in it: a line end, a sign that no header can carry, a header of its own."""
    mapping = tmp_path / "theirs.toml"
    section = AUTHS[kind].replace("\n        ", "\n")
    mapping.write_text(f"{MAPPED}{API}{section}\n")
    monkeypatch.setenv("MAPPING", str(mapping))
    for setting in ("EVENTS_API_TOKEN", "EVENTS_API_SECRET"):
        monkeypatch.setenv(setting, CANARY + odd)
    for fault in (NEVER, status(401), status(404), TRANSIENT["not UTF-8"]):
        with faulty_api(fault) as api:
            monkeypatch.setenv("EVENTS_URL", with_secrets(api.url))
            done = main(["ingest"])
            assert done in (0, 2)
            if fault is NEVER and odd in ("", "\n") and kind != "oauth2":  # it has no /token
                assert done == 0, capfd.readouterr().err
    shown = capfd.readouterr()
    assert_clean(shown.out + shown.err)
    assert "Traceback" not in shown.err
    if odd == "\n":
        assert "EVENTS_API_SECRET: the line end around it is left out\n" in shown.err
    if odd == "\u20ac" and kind in ("bearer", "key in a header"):
        assert "error: EVENTS_API_SECRET cannot be sent in a header" in shown.err
    assert_files_clean(tmp_path)


def ingested(monkeypatch, url: str, **settings: str) -> int:
    with monkeypatch.context() as patch:
        for name, value in (settings | {"EVENTS_URL": url}).items():
            patch.setenv(name, value)
        return main(["ingest"])


def test_no_failure_of_postgres_or_a_store_shows_a_secret(
    warehouse, secrets, monkeypatch, capfd, tmp_path
):
    def failed_with(message: str, url: str, **settings: str) -> None:
        assert ingested(monkeypatch, url, FORCE="1", **settings) == 2
        shown = capfd.readouterr()
        assert message in shown.err
        assert_clean(shown.out + shown.err)

    with faulty_api(NEVER) as api:
        url = with_secrets(api.url)
        assert ingested(monkeypatch, url) == 0
        failed_with("password authentication failed", url, PGPASSWORD=CANARY + "x")
        failed_with("cannot connect", url, PGHOST="127.0.0.1", PGPORT="1")
        failed_with("does not exist", url, PGDATABASE="nowhere")
        query(warehouse, "alter table raw.loads owner to postgres; select 1")
        failed_with(f"PGUSER={secrets}: the load into Postgres failed: permission denied", url)
        query(warehouse, f"alter table raw.loads owner to {secrets}; select 1")
        for connections in (1, 2):  # ours alone, ours and dlt's, but none for the copying
            limit = f"alter role {secrets} connection limit {connections}; select 1"
            query(warehouse, limit)
            failed_with("the load into Postgres failed", url)
        query(warehouse, f"alter role {secrets} connection limit -1; select 1")
        refuse = "alter table raw.events add constraint none check (false) not valid; select 1"
        query(warehouse, refuse)
        failed_with("the load into Postgres failed", url)
    url = f"s3://me:{quote(CANARY, safe='')}@bucket/%Y-*.jsonl"
    nowhere = {"AWS_ACCESS_KEY_ID": "me", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    nowhere["AWS_MAX_ATTEMPTS"] = "1"  # s3fs asks again too
    failed_with("cannot be read", url, **nowhere)
    assert_files_clean(tmp_path)


def test_a_load_in_its_middle_shows_no_secret(warehouse, secrets, monkeypatch, tmp_path):
    """Postgres makes the load wait in its middle; all its files and arguments are searched then,
    and what is left once it is killed."""
    with faulty_api(NEVER) as api, closing(warehouse.connect()) as db, db.cursor() as cursor:
        assert ingested(monkeypatch, with_secrets(api.url)) == 0
        cursor.execute("begin")
        cursor.execute("lock table raw.events in share mode")
        process = subprocess.Popen(
            [sys.executable, "-m", "ingestion", "ingest"],
            cwd=ROOT,
            env=os.environ | {"EVENTS_URL": with_secrets(api.url), "FORCE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        waiting = """select from pg_stat_activity where wait_event_type = 'Lock'
            and datname = current_database() and query ilike 'copy%'"""
        wait_until(lambda: query(warehouse, waiting), process)
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert_clean(arguments.read_bytes().decode(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
        assert assert_files_clean(tmp_path) > 5
        process.send_signal(signal.SIGKILL)
        shown, _ = process.communicate(timeout=LONG)
        cursor.execute("rollback")
    assert "copying to Postgres" in shown
    assert_clean(shown)
    assert assert_files_clean(tmp_path) > 5


def test_a_dagster_run_shows_no_secret(warehouse, secrets, monkeypatch, capfd, tmp_path):
    """Failing at the API, at Postgres, and succeeding: event log, compute logs, dbt's logs."""
    days, defs = parse_range(DAY, DAY), definitions()  # made where the secrets are set
    # Between the tries of a run that finds no Postgres: 35 s in all.
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda policy, attempt: 0.1)
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        for fault in (status(401), status(404)):
            with faulty_api(fault) as api:
                monkeypatch.setenv("EVENTS_URL", with_secrets(api.url))
                assert not run_range(days, instance, defs)
        with faulty_api(NEVER) as api:
            monkeypatch.setenv("EVENTS_URL", with_secrets(api.url))
            with monkeypatch.context() as patch:
                patch.setenv("PGPASSWORD", CANARY + "x")
                assert not run_range(days, instance, defs)
            assert run_range(days, instance, defs)
    grants = """create role reader; grant usage on schema analytics to reader;
        grant select on all tables in schema analytics to reader; set role reader; """
    count = "select count(*) from analytics.fact_events"
    try:
        assert query(warehouse, grants + count) == [(PAGES * PAGE_ROWS,)]
        with pytest.raises(InsufficientPrivilege):
            query(warehouse, "set role reader; select count(*) from raw.events")
    finally:
        query(warehouse, "drop owned by reader; drop role reader; select 1")
    shown = capfd.readouterr()
    assert "EVENTS_API_TOKEN is refused by EVENTS_URL=http://***@" in shown.err
    assert "password authentication failed" in shown.err
    assert_clean(shown.out + shown.err)
    assert assert_files_clean(tmp_path, ROOT / "dbt" / "target", ROOT / "dbt" / "logs") > 10
