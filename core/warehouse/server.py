"""Which Postgres: the server that the libpq variables name, or an embedded one."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from functools import cache

from core.warehouse.connection import Warehouse
from core.warehouse.embedded import start_embedded


def warehouse(env: Mapping[str, str] = os.environ) -> Warehouse:
    """The warehouse to use: the server named by PGHOST, else the embedded one, started if needed.

    It changes no variable: who starts a tool of libpq (dbt, psql) hands it `libpq_env()`.

    Args:
        env: where libpq's variables are.

    Raises:
        UserError: no server can be reached or started.
    """
    if env.get("PGHOST"):
        # libpq's own default: the account's name, whatever $USER says.
        user = env.get("PGUSER") or pwd.getpwuid(os.getuid()).pw_name
        found = Warehouse(
            host=env["PGHOST"],
            port=env.get("PGPORT") or "5432",
            user=user,
            password=env.get("PGPASSWORD", ""),
            database=env.get("PGDATABASE") or user,
        )
        _reach(found)
        return found
    return start_embedded(env.get("PGDATABASE"))


@cache
def _reach(found: Warehouse) -> None:
    """Refuse a server that is not there before anything is read for it: once in a process."""
    found.connect().close()
