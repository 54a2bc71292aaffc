"""Which Postgres the tests run on, and HTTP servers beside a test."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import HTTPServer

from core.warehouse.connection import Warehouse

# Asked for by name: tests make databases and drop them, and a shell may have a PGHOST for its work.
ON_PGHOST = bool(os.environ.get("TEST_ON_PGHOST"))


def of_pghost() -> Warehouse:
    """The server that libpq's variables name; KeyError where they name none."""
    return Warehouse(
        host=os.environ["PGHOST"],
        port=os.environ.get("PGPORT") or "5432",
        user=os.environ["PGUSER"],
        password=os.environ.get("PGPASSWORD", ""),
        database="postgres",
    )


def may_lose_data(server: Warehouse) -> None:
    """No fsync: its data need not outlive a crash of the machine, only those of processes."""
    with closing(server.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute("alter system set fsync = off")
        cursor.execute("alter system set full_page_writes = off")
        cursor.execute("select pg_reload_conf()")


def database_of_worker() -> str:
    """A name for the database of a test: workers share a server that is not theirs alone."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "") if ON_PGHOST else ""
    return f"test_{worker}" if worker else "test"


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """The server answers while it lasts; its URL, without a path."""
    # It looks for its end at each interval: by itself half a second, a minute of all tests.
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
