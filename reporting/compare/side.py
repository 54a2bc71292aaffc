"""One of the two tables: a connection that only reads, and sees one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from psycopg2 import OperationalError, ProgrammingError, sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, parse_dsn
from psycopg2.extensions import connection as Connection

from core.errors import Unavailable, UserError, hide
from core.refusals import REFUSALS
from core.warehouse.connection import connect
from core.warehouse.server import is_named, warehouse
from reporting.settings import TableAt

Result = TypeVar("Result")
# Of the transaction: text of a value must not depend on whose session it is; and a side that is
# done waits for the other one.
_SESSION = (
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO, YMD'",
    "set local intervalstyle = 'iso_8601'",
    "set local extra_float_digits = 1",
    "set local bytea_output = 'hex'",
    "set local idle_in_transaction_session_timeout = 0",
)


class Sink(Protocol):
    """What takes the bytes of a COPY."""

    def write(self, data: bytes) -> object:
        """Take some."""


@dataclass(frozen=True)
class Side:
    """A table and the transaction that reads it. `name`: left or right."""

    name: str
    table: str
    db: Connection

    @property
    def label(self) -> str:
        """Where it is, for people; no login is in it."""
        info = self.db.info
        host = info.host or ""
        at = "" if not host or host.startswith("/") else f" on {host}:{info.port}"
        return f"{self.table} in {info.dbname}{at}"

    @property
    def version(self) -> int:
        """The major version of its server."""
        return int(self.db.server_version) // 10_000

    @property
    def relation(self) -> sql.Identifier:
        """The table, as SQL names it."""
        return sql.Identifier(*self.table.split("."))

    def rows(self, query: sql.Composable | str) -> list[tuple[Any, ...]]:
        """What a query answers. Any: its columns are the caller's.

        Raises:
            UserError: Postgres refuses it, or is away (`Unavailable`).
        """
        with self._refused(), self.db.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def copy(self, query: sql.Composable, sink: Sink) -> None:
        """The rows of a query in Postgres' binary form; they become no Python objects.

        Raises:
            UserError: Postgres refuses it, or is away (`Unavailable`).
        """
        text = sql.SQL("copy ({}) to stdout (format binary)").format(query)
        with self._refused(), self.db.cursor() as cursor:
            cursor.copy_expert(text, sink, size=1 << 20)

    def cancel(self) -> None:
        """End the query that runs, if one does."""
        with suppress(*REFUSALS):
            self.db.cancel()

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except REFUSALS as error:
            kind = Unavailable if isinstance(error, OperationalError) else UserError
            reason = " ".join(str(error).split())
            raise kind(f"{self.name.upper()}: reading {self.label} failed: {reason}") from None


@dataclass(frozen=True)
class Pair:
    """Both sides."""

    left: Side
    right: Side

    def __iter__(self) -> Iterator[Side]:
        return iter((self.left, self.right))

    def other(self, side: Side) -> Side:
        """The one that is not this one."""
        return self.right if side is self.left else self.left

    def both(self, work: Callable[[Side], Result]) -> tuple[Result, Result]:
        """Do the same on both at once. Where one fails, or Ctrl-C comes, the other's query is
        cancelled."""
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(work, side) for side in self]
            try:
                done, _ = wait(asked, return_when=FIRST_EXCEPTION)
                for each in done:
                    each.result()
                left, right = (each.result() for each in asked)
            except BaseException:
                for side in self:
                    side.cancel()
                raise
            return left, right


@contextmanager
def open_pair(left: TableAt, right: TableAt) -> Iterator[Pair]:
    """Both tables, each in a transaction of its own that only reads and sees one moment.

    Raises:
        UserError: an address is none. Unavailable: its server is away, or refuses the login.
    """
    with closing(_connected("LEFT", left)) as one, closing(_connected("RIGHT", right)) as other:
        for db in (one, other):
            db.set_session(ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False)
            with db.cursor() as cursor:
                for statement in _SESSION:
                    cursor.execute(statement)
        yield Pair(Side("left", left.table, one), Side("right", right.table, other))


def _connected(name: str, at: TableAt) -> Connection:
    try:
        parts: dict[str, str] = parse_dsn(at.dsn) if at.dsn else {}
    except ProgrammingError:
        # Its text quotes what it could not read, which may be half of a password.
        raise UserError(
            f"{name}: what is before /{at.table} is no URL or keywords of libpq"
        ) from None
    hide(parts.get("password", ""))
    if parts.keys() & {"host", "hostaddr", "service"} or (parts and is_named()):
        return connect(name, **parts)
    return warehouse(parts).connect()
