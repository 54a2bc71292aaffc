"""A Postgres server, by its libpq parameters, and connections to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg2
from psycopg2 import OperationalError
from psycopg2.errors import DependentObjectsStillExist, InsufficientPrivilege
from psycopg2.extensions import connection as Connection

from core.errors import Unavailable, UserError

MIN_VERSION = 16  # pg_input_is_valid, MERGE on partitioned tables


@dataclass(frozen=True)
class Warehouse:
    """Where the warehouse is: the libpq parameters, complete."""

    host: str
    port: str
    user: str
    database: str
    password: str = field(repr=False, default="")

    def libpq_env(self) -> dict[str, str]:
        """The `PG*` variables that bring dbt, psql and any libpq client to this database."""
        env = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGDATABASE": self.database,
        }
        return env | ({"PGPASSWORD": self.password} if self.password else {})

    def url(self) -> str:
        """A libpq URL. dlt wants a host and a password in it even over a socket (any value)."""
        user, password = quote(self.user, safe=""), quote(self.password or "-", safe="")
        database, host = quote(self.database, safe=""), quote(self.host, safe="")
        return f"postgresql://{user}:{password}@localhost:{self.port}/{database}?host={host}"

    def connect(self, *, database: str | None = None) -> Connection:
        """A new connection in autocommit mode.

        Raises:
            Unavailable: it cannot be reached, or refuses the login: libpq does not tell which.
            UserError: it is too old.
        """
        try:
            db = psycopg2.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password or None,
                dbname=database or self.database,
                connect_timeout=10,
                application_name="fact-events",
                options="-c timezone=UTC",
            )
        except OperationalError as error:
            reason = " ".join(str(error).split())
            raise Unavailable(
                f"PGHOST={self.host} PGPORT={self.port} PGDATABASE={database or self.database}: "
                f"cannot connect: {reason}"
            ) from error
        try:
            require_version(db.server_version, self.host)
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
    except (InsufficientPrivilege, DependentObjectsStillExist, OperationalError) as error:
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
