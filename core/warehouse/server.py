"""Which Postgres: the server that libpq's variables and files name, or an embedded one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from functools import cache

from core.errors import UserError, hide
from core.warehouse.connection import Warehouse, connect
from core.warehouse.embedded import NAMES_A_SERVER, start_embedded

_SHOWN = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE")


def warehouse(given: Mapping[str, str] | None = None) -> Warehouse:
    """The warehouse to use: the server that libpq finds, else the embedded one, started if needed.

    libpq itself is asked where it comes out, by its variables, service and password files; what it
    says is handed on complete, so that dbt, dlt and psql come out at the same place. It changes no
    variable: who starts a tool of libpq (dbt, psql) hands it `libpq_env()`.

    Args:
        given: libpq's keywords (`host`, `dbname`, …) that win over its variables.

    Raises:
        UserError: no server can be reached or started, or it is named in a way that not every
            client understands.
    """
    given = given or {}
    if "host" in given or is_named():
        variables = {name: value for name, value in os.environ.items() if name[:2] == "PG"}
        return _found(tuple(variables.items()), tuple(given.items()))
    return start_embedded(given.get("dbname") or os.environ.get("PGDATABASE"))


def is_named() -> bool:
    """Whether a variable names a server of the user's own."""
    return any(os.environ.get(name) for name in NAMES_A_SERVER)


@cache
def _found(variables: tuple[tuple[str, str], ...], given: tuple[tuple[str, str], ...]) -> Warehouse:
    """Ask libpq, and refuse a server that is not there before anything is read for it: once in a
    process, unless the variables change."""
    as_variables = {_variable(keyword): value for keyword, value in given}
    settings = dict(variables) | as_variables
    _require_one_port(settings.get("PGPORT", ""))
    what = " ".join(f"{name}={settings[name]}" for name in _SHOWN if settings.get(name))
    with closing(connect(what, **dict(given))) as db:
        found, password = db.info.dsn_parameters, db.info.password or ""
        # From the password file it is in no variable.
        hide(password)
        _require_one_port(found["port"])
        return Warehouse(
            # Without one libpq has taken its default, a socket's directory.
            host=found.get("host") or db.info.host,
            port=found["port"],
            user=found["user"],
            database=found["dbname"],
            password=password,
            options=found.get("options", ""),
        )


def _variable(keyword: str) -> str:
    return "PGDATABASE" if keyword == "dbname" else f"PG{keyword.upper()}"


def _require_one_port(port: str) -> None:
    """dbt's profile has a number for it."""
    if "," in port:
        raise UserError(f"PGPORT={port!r} is a list: dbt takes one port, common to all hosts")
