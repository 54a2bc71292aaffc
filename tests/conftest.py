"""One real Postgres per worker of a test session, one database per test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg2 import sql

# Of each worker its own: they build at the same time, in databases of different servers, and dbt
# parses the project anew where another server was the last. Before the project is imported.
TARGET = Path(__file__).resolve().parents[1] / "dbt" / "target"
os.environ["DBT_TARGET_PATH"] = str(TARGET / os.environ.get("PYTEST_XDIST_WORKER", "tests"))
# Dagster's partitions are made at import, of what the warehouse has, unless they are told.
os.environ["PARTITIONS_START"] = "2010-01-01"

from core.errors import SECRETS  # noqa: E402
from core.migrations import migrate  # noqa: E402
from core.settings import file_variable  # noqa: E402
from core.warehouse.connection import Warehouse  # noqa: E402
from core.warehouse.embedded import start_embedded, stop_embedded  # noqa: E402
from tests.helpers.servers import ON_PGHOST, database_of_worker, may_lose_data, of_pghost  # noqa: E402

Copy = Callable[[str], Warehouse]
_SETTINGS = (
    "PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE PGSERVICEFILE "
    "PGPASSFILE SOURCE MAPPING EVENTS_URL PROFILES_URL RESOURCE "
    "SOURCE_NAME EVENTS_API_TOKEN MAX_QUARANTINED MAX_UNKNOWN_USERS EVENT_TS_MIN REASON "
    "API_CONCURRENCY REBUILD SWAP_WAIT FROM TO HASH_KEY DAGSTER_HOME DAGSTER_HISTORY_URL "
    "LOCAL_DIR AWS_PROFILE AWS_REGION "
    "AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN "
    "AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 STORAGE_URL "
    "FOLLOW_DAYS FOLLOW_SECONDS "
    "TARGET DBT_TARGET DEV_NAME ALERT_EMAIL SMTP_URL ALERT_WEBHOOK_URL SUCCESS_WEBHOOK_URL "
    "ALERT_SIGNED_URL ALERT_SIGNING_KEY HEARTBEAT_URL ALERT HOURS "
    "LEFT RIGHT KEY DAY_COLUMN RECEIPT_COLUMN IGNORE REPORT JSON"
).split()


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings of the shell it runs in, or leaves its own behind."""
    for name in (*_SETTINGS, *map(file_variable, SECRETS)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setenv("ENV_FILE", os.devnull)
    monkeypatch.setenv("SOURCES_FILE", str(tmp_path / "sources.toml"))


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
    may_lose_data(found)
    yield found
    os.environ["LOCAL_DIR"] = str(server_dir)
    stop_embedded()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def history_dir(server: Warehouse, server_dir: Path) -> Iterator[Path]:
    """A LOCAL_DIR whose Dagster has no history yet; that is kept in the tests' server."""
    yield server_dir
    administer(server, "drop database if exists {} with (force)", "dagster")
    shutil.rmtree(server_dir / "dagster", ignore_errors=True)


def administer(server: Warehouse, statement: str, *names: str) -> None:
    """Run a statement about whole databases."""
    with closing(server.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def copied(server: Warehouse, name: str, template: str) -> Iterator[Warehouse]:
    """A database that begins as another one is, dropped at the end."""
    administer(server, "create database {} template {}", name, template)
    yield replace(server, database=name)
    administer(server, "drop database {} with (force)", name)


@contextmanager
def empty_warehouse(server: Warehouse, name: str) -> Iterator[Warehouse]:
    """A database of its own with the landing tables, dropped at the end."""
    with copied(server, name, "template1") as found:
        with closing(found.connect()) as db:
            migrate(db)
        yield found


@contextmanager
def made(
    server: Warehouse,
    what: str,
    template: str,
    folder: Path,
    fill: Callable[[Warehouse, Path], None],
) -> Iterator[str]:
    """A database that is filled once, to be copied; the PG* variables name it meanwhile."""
    name = database_of_worker()
    with copied(server, name, template) as found, pytest.MonkeyPatch.context() as patch:
        settings = {"LOCAL_DIR": str(folder / "local"), "ENV_FILE": os.devnull}
        for variable, value in (found.libpq_env() | settings).items():
            patch.setenv(variable, value)
        fill(found, folder)
        administer(server, "create database {} template {}", f"{name}_{what}", name)
    yield f"{name}_{what}"
    administer(server, "drop database {}", f"{name}_{what}")


@pytest.fixture(scope="session")
def tables_built(
    server: Warehouse, landing_tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database whose tables and views a build has made, with nothing in them, to be copied."""

    def build(warehouse: Warehouse, folder: Path) -> None:
        from tests.helpers import pipeline  # imports dbt, 2 s

        pipeline.build()

    folder = tmp_path_factory.mktemp("tables")
    with made(server, "tables_built", landing_tables, folder, build) as template:
        yield template


def beginning(request: pytest.FixtureRequest) -> str:
    """The database that a test, or a module's `fill`, begins with.

    Of those marked `tables_built`, which are not about first builds, the tables and views are
    there: a first build takes twice as long as another one.
    """
    is_built = request.node.get_closest_marker("tables_built") is not None
    found: str = request.getfixturevalue("tables_built" if is_built else "landing_tables")
    return found


@pytest.fixture(scope="module")
def filled(
    server: Warehouse, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database that the module's `fill(warehouse, folder)` has filled, to be copied.

    A copy takes 0.1 s a test, filling it 2 s. The PG* variables name it meanwhile.
    """
    folder = tmp_path_factory.mktemp("filled")
    with made(server, "filled", beginning(request), folder, request.module.fill) as template:
        yield template


@pytest.fixture
def built(copy_of: Copy, filled: str) -> Warehouse:
    """What the module's `fill` makes, a copy for each test."""
    return copy_of(filled)


@pytest.fixture(scope="session")
def landing_tables(server: Warehouse) -> Iterator[str]:
    """A database with the landing tables and nothing in them, to be copied."""
    name = f"{database_of_worker()}_landing_tables"
    with empty_warehouse(server, name):
        yield name


@pytest.fixture
def copy_of(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copy]:
    """Makes the test's database, a copy of another one, and has the PG* variables name it.

    Always of the same name: dbt parses the whole project anew (3 s) for another connection.
    """
    with ExitStack() as stack:

        def make(template: str) -> Warehouse:
            found = stack.enter_context(copied(server, database_of_worker(), template))
            for variable, value in found.libpq_env().items():
                monkeypatch.setenv(variable, value)
            return found

        yield make


@pytest.fixture
def warehouse(copy_of: Copy, request: pytest.FixtureRequest) -> Warehouse:
    """A warehouse without rows: see `beginning`."""
    return copy_of(beginning(request))
