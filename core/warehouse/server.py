"""Which Postgres: the server that the libpq variables name, or an embedded one."""

from __future__ import annotations

import os
import pwd
from functools import cache

from core.warehouse.connection import Warehouse
from core.warehouse.embedded import start_embedded


def warehouse() -> Warehouse:
    """The warehouse to use: the server named by PGHOST, else the embedded one, started if needed.

    Also puts the result into this process's `PG*` variables, so that every tool started from here
    reaches the same database.

    Raises:
        UserError: no server can be reached or started.
    """
    if os.environ.get("PGHOST"):
        # libpq's own default: the account's name, whatever $USER says.
        user = os.environ.get("PGUSER") or pwd.getpwuid(os.getuid()).pw_name
        found = Warehouse(
            host=os.environ["PGHOST"],
            port=os.environ.get("PGPORT") or "5432",
            user=user,
            password=os.environ.get("PGPASSWORD", ""),
            database=os.environ.get("PGDATABASE") or user,
        )
        _reach(found)
    else:
        found = start_embedded()
    os.environ.update(found.libpq_env())
    return found


@cache
def _reach(found: Warehouse) -> None:
    """Refuse a server that is not there before anything is read for it: once in a process."""
    found.connect().close()
