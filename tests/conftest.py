"""One real Postgres per worker of a test session, one database per test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg2 import sql

# Of each worker its own: they build at the same time, in databases of different servers, and dbt
# parses the project anew where another server was the last. Before the project is imported.
TARGET = Path(__file__).resolve().parents[1] / "dbt" / "target"
os.environ["DBT_TARGET_PATH"] = str(TARGET / os.environ.get("PYTEST_XDIST_WORKER", "tests"))

from core.migrations import migrate  # noqa: E402
from core.warehouse.connection import Warehouse  # noqa: E402
from core.warehouse.embedded import start_embedded, stop_embedded  # noqa: E402
from tests.helpers.servers import ON_PGHOST, database_of_worker, of_pghost  # noqa: E402

_SETTINGS = (
    "PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE SOURCE MAPPING EVENTS_URL PROFILES_URL RESOURCE "
    "EVENTS_API_TOKEN MAX_QUARANTINED MAX_UNKNOWN_USERS EVENT_TS_MIN REASON "
    "API_CONCURRENCY FROM TO HASH_KEY DAGSTER_HOME LOCAL_DIR AWS_PROFILE AWS_REGION "
    "AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN "
    "AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 STORAGE_URL "
    "ALERT_EMAIL SMTP_URL ALERT_WEBHOOK_URL SUCCESS_WEBHOOK_URL"
).split()


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings of the shell it runs in, or leaves its own behind."""
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setenv("ENV_FILE", os.devnull)


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """The LOCAL_DIR of the tests' server.

    Not below pytest's own directory: every start of another pytest closes that one to others than
    its user, and as root the server is another one: it dies.
    """
    directory = tempfile.mkdtemp(prefix="fact-events-tests-")
    yield Path(directory)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def server(server_dir: Path) -> Iterator[Warehouse]:
    """An embedded Postgres for all tests, stopped at the end; or, asked for by TEST_ON_PGHOST, the
    server of PGHOST (make test-server)."""
    if ON_PGHOST:
        yield of_pghost()
        return
    before = dict(os.environ)
    os.environ["LOCAL_DIR"] = str(server_dir)
    os.environ.pop("PGDATABASE", None)
    found = start_embedded()
    os.environ.clear()
    os.environ.update(before)
    with closing(found.connect(database="postgres")) as db, db.cursor() as cursor:
        # Its data need not outlive a crash of the machine.
        cursor.execute("alter system set fsync = off")
        cursor.execute("alter system set full_page_writes = off")
        cursor.execute("select pg_reload_conf()")
    yield found
    os.environ["LOCAL_DIR"] = str(server_dir)
    stop_embedded()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def history_dir(server: Warehouse, server_dir: Path) -> Iterator[Path]:
    """A LOCAL_DIR whose Dagster has no history yet; that is kept in the tests' server."""
    yield server_dir
    with closing(server.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute("drop database if exists dagster with (force)")
    shutil.rmtree(server_dir / "dagster", ignore_errors=True)


@contextmanager
def empty_warehouse(server: Warehouse, name: str) -> Iterator[Warehouse]:
    """A database of its own with the landing tables, dropped at the end."""
    with closing(server.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    found = replace(server, database=name)
    with closing(found.connect()) as db:
        migrate(db)
    yield found
    with closing(server.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def warehouse(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """An empty warehouse: a database of its own, named by the PG* variables.

    Always of the same name: dbt parses the whole project anew (3 s) for another connection.
    """
    with empty_warehouse(server, database_of_worker()) as found:
        for variable, value in found.libpq_env().items():
            monkeypatch.setenv(variable, value)
        yield found
