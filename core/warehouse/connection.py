"""A Postgres server, by its libpq parameters, and connections to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg2
from psycopg2 import OperationalError
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from core.errors import Unavailable, UserError
from core.refusals import REFUSALS

MIN_VERSION = 16  # pg_input_is_valid, MERGE on partitioned tables
# Of every connection of this process, and of those that it starts: psycopg2's, ADBC's, dbt's and
# Dagster's are libpq's. The time zone of a role or a shell would move days. Text is sent as UTF-8,
# which a database of another encoding transcodes or refuses: ADBC sends it in any case, and one of
# LATIN1 that was told nothing kept it as it came.
_SESSION = {"PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"}


@dataclass(frozen=True)
class Warehouse:
    """Where the warehouse is: the libpq parameters, complete.

    `host`: one, a socket's directory, or a list. `options`: the server's, as of PGOPTIONS. What is
    not here (PGSSLMODE and its like) every client of libpq takes from its variables by itself.
    """

    host: str
    port: str
    user: str
    database: str
    password: str = field(repr=False, default="")
    options: str = ""

    def libpq_env(self) -> dict[str, str]:
        """The `PG*` variables that bring dbt, psql and any libpq client to this database."""
        env = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGDATABASE": self.database,
            "PGOPTIONS": self.options,
        }
        return env | ({"PGPASSWORD": self.password} if self.password else {})

    def url(self) -> str:
        """A libpq URL. dlt wants a host and a password in it even over a socket, maybe empty."""
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        database, host = quote(self.database, safe=""), quote(self.host, safe="")
        # By tabs: dlt and SQLAlchemy write a space as "+", which libpq takes for a plus.
        options = quote(self.options.replace(" ", "\t"), safe="")
        # Also where there are none: else libpq takes those of PGOPTIONS.
        query = f"host={host}&options={options}"
        return f"postgresql://{user}:{password}@localhost:{self.port}/{database}?{query}"

    def connect(self, *, database: str | None = None) -> Connection:
        """A new connection in autocommit mode.

        Raises:
            Unavailable: it cannot be reached, or refuses the login: libpq does not tell which.
            UserError: it is too old.
        """
        database = database or self.database
        return connect(
            f"PGHOST={self.host} PGPORT={self.port} PGDATABASE={database}",
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
            options=self.options,
        )


def connect(what: str, **parameters: str) -> Connection:
    """A new connection in autocommit mode, by libpq's keywords; its variables say the others.

    Args:
        what: the settings that name the server, as a message begins.
        parameters: libpq's.

    Raises:
        Unavailable: it cannot be reached, or refuses the login.
        UserError: it is too old.
    """
    os.environ |= _SESSION
    try:
        said = make_dsn(connect_timeout=10, application_name="fact-events", **parameters)
        db = psycopg2.connect(said)
    except OperationalError as error:
        reason = " ".join(str(error).split())
        raise Unavailable(f"{what}: cannot connect: {reason}") from error
    try:
        require_version(db.server_version, db.info.host)
    except UserError:
        db.close()
        raise
    db.autocommit = True
    return db


@contextmanager
def postgres_errors(warehouse: Warehouse, what: str) -> Iterator[None]:
    """Not allowed to, in the way of what is somebody else's, or cut off: one line.

    Args:
        warehouse: whose user to name.
        what: what was done, as the line begins.

    Raises:
        UserError: in place of Postgres' own error. Unavailable where trying again may help.
    """
    try:
        yield
    except REFUSALS as error:
        kind = Unavailable if isinstance(error, OperationalError) else UserError
        reason = " ".join(str(error).split())
        raise kind(f"PGUSER={warehouse.user}: {what} failed: {reason}") from None


def require_version(server_version: int, host: str) -> None:
    """Refuse a server older than PostgreSQL 16.

    Args:
        server_version: libpq's number, such as 160004.
        host: the PGHOST to name in the message.

    Raises:
        UserError: it is older.
    """
    if server_version // 10_000 < MIN_VERSION:
        raise UserError(
            f"PGHOST={host} runs PostgreSQL {server_version // 10_000}: "
            f"version {MIN_VERSION} or newer is needed"
        )
