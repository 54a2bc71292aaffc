"""`make doctor`: what the project sees here, with secrets masked, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import Any

from dotenv import dotenv_values
from psycopg2.extensions import connection as Connection
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.reference import ROOMS
from core.command_line import command, run_command
from core.errors import API_VARIABLES, SECRETS, UserError, redacted
from core.migrations import migrations, schema_version
from core.refusals import REFUSALS
from core.settings import ENV_FILE, SECRET_FILES, Setting, declared_in, file_variable
from core.warehouse.connection import Warehouse
from core.warehouse.relation import exists, read
from core.warehouse.room import free_bytes, shown
from core.warehouse.server import is_named, warehouse
from core.warehouse.target import schema_of
from core.warehouse.writable import require_writable
from transform.event_days import state

PACKAGES = ("dbt-core", "dbt-postgres", "dlt", "duckdb", "dagster")
LITTLE = 1e9  # bytes free: less than a day of a million events needs to be built anew
# What other programs read, from .env too.
FOREIGN = ("PG", "AWS_", "DBT_", "DAGSTER_", "RUNTIME__", *API_VARIABLES)
MARKS = {"": "", "warn": "[yellow]![/]", "wrong": "[red]✗[/]"}


@dataclass(frozen=True)
class Seen:
    """One line: what, and what was found; `verdict` is "", "warn" or "wrong"."""

    what: str
    found: str
    verdict: str = ""


@command()
def doctor() -> int:
    """Show the program, the server, the data and the settings that commands here would use. The
    exit status is 1 where something is wrong."""
    seen: list[Seen] = []
    for title, look in SECTIONS.items():
        lines = [line for line in _looked(look) if line not in seen]  # one error is said once
        _print(title, lines)
        seen += lines
    wrong, warned = ([s for s in seen if s.verdict == kind] for kind in ("wrong", "warn"))
    print(f"{len(wrong)} wrong, {len(warned)} to look at" if wrong or warned else "all is well")
    return 1 if wrong else 0


def _looked(look: Callable[[], Iterator[Seen]]) -> Iterator[Seen]:
    """What was seen until an error, which is seen too."""
    try:
        yield from look()
    except (UserError, OSError, *REFUSALS) as error:
        yield Seen("error", redacted(" ".join(str(error).split())), "wrong")


def _program() -> Iterator[Seen]:
    yield Seen("Python", platform.python_version())
    yield Seen("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES))


def _server() -> Iterator[Seen]:
    found = warehouse()
    kind = "a server of your own" if is_named() else "embedded, under LOCAL_DIR"
    yield Seen("server", f"{kind}: {found.host}, port {found.port}")
    with closing(found.connect()) as db:
        number = f"PostgreSQL {db.server_version // 10_000}.{db.server_version % 10_000}"
        yield Seen("version", f"{number}, {_setting(db, 'server_encoding')}")
        yield Seen("database", f"{found.database}, as {found.user}")
        yield _writable(db)
        yield _schema(db)
        yield from _room(found, db)


def _writable(db: Connection) -> Seen:
    try:
        require_writable(db)
    except UserError as error:
        return Seen("writable", str(error), "wrong")
    return Seen("writable", "yes")


def _schema(db: Connection) -> Seen:
    there, newest = schema_version(db), max(migrations())
    if there > newest:
        said = f"version {there}, of a newer program; this one knows {newest}"
        return Seen("schema", said, "wrong")
    first = "" if there else ", never used"
    return Seen("schema", f"version {there} of {newest}{first}")


def _room(found: Warehouse, db: Connection) -> Iterator[Seen]:
    """Connections, the size of the database, and what is free for it."""
    with db.cursor() as cursor:
        cursor.execute(
            """select count(*), current_setting('max_connections')::int,
                pg_database_size(current_database())
            from pg_stat_activity where backend_type = 'client backend'"""
        )
        [(used, most, size)] = cursor.fetchall()
    is_full = used > 0.9 * most
    yield Seen("connections", f"{used} of {most} in use", "warn" if is_full else "")
    free = free_bytes(found)
    said = f"{shown(size)} in the database" + (f", {shown(free)} free" if free is not None else "")
    yield Seen("disk", said, "warn" if free is not None and free < LITTLE else "")


def _data() -> Iterator[Seen]:
    found = warehouse()
    with closing(found.connect()) as db:
        view = f"{schema_of('intermediate')}.int_partition_locks"
        if not exists(db, view):
            yield Seen("days", "not built yet, or not by this version: make transform", "warn")
            return
        [locks] = read(db, view)
    days = state(found)
    if days.failed:
        named = ", ".join(f"{day}" for day in days.failed[:5])
        yield Seen("red days", f"{len(days.failed)}: {named}; a test fails on them", "wrong")
    for line in days.notes():
        yield Seen("days", line, "warn")
    if not days.failed and not days.notes():
        yield Seen("days", "those that are built are tested, and of today's models")
    said = f"{locks['partitions']:,} of fact_events"
    needed = f"max_locks_per_transaction = {locks['locks_needed']} is needed (docs/postgres.md)"
    if locks["is_enough"]:
        yield Seen("partitions", said)
    else:
        yield Seen("partitions", f"{said}: {needed}", "warn")


def _settings() -> Iterator[Seen]:
    """Those that are set, from where; and names of .env that nothing reads."""
    declared = {s.name: s for room in ROOMS for s in declared_in(import_module(f"{room}.settings"))}
    path = ENV_FILE.read()
    in_file = dotenv_values(path, interpolate=False)
    for name, setting in sorted(declared.items()):
        if os.environ.get(name):
            is_from_file = in_file.get(name) == os.environ[name]
            origin = path.name if is_from_file else "the environment"
            yield _set(setting, SECRET_FILES.get(name, origin))
    known = {*declared, *(file_variable(name) for name in SECRETS)}
    for name in in_file:
        if name not in known and not name.startswith(FOREIGN):
            alike = get_close_matches(name, declared, 1)
            hint = f": is {alike[0]} meant?" if alike else ""
            yield Seen(name, f"in {path.name}, and nothing reads it{hint}", "warn")


def _set(setting: Setting[Any], origin: str) -> Seen:
    given = "***" if setting.secret else redacted(os.environ[setting.name])
    try:
        setting.read()
    except UserError as error:
        return Seen(setting.name, str(error), "wrong")
    return Seen(setting.name, f"{given}  (from {origin})")


def _setting(db: Connection, name: str) -> str:
    with db.cursor() as cursor:
        cursor.execute("select current_setting(%s)", (name,))
        [(value,)] = cursor.fetchall()
    return str(value)


def _print(title: str, lines: list[Seen]) -> None:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(MARKS[line.verdict], escape(line.what), escape(line.found))
    Console().print(table)


SECTIONS: dict[str, Callable[[], Iterator[Seen]]] = {
    "Program": _program,
    "Server": _server,
    "Data": _data,
    "Settings that are set": _settings,
}

if __name__ == "__main__":
    sys.exit(run_command(doctor, prog="python -m commands.doctor"))
