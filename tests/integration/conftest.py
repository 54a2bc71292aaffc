"""A real S3 server and a Postgres over TCP; modules that others wrote; records of some users."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from urllib.request import Request, urlopen

import boto3
import pytest
from psycopg2 import sql

from core.warehouse.connection import Warehouse
from reporting.compare.__main__ import compare
from tests.conftest import administer, copied
from tests.helpers import two_tables
from tests.helpers.people import AT, DAY, records_of
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.postgres import FIRST, LAST, Place, Server, tcp_server
from tests.helpers.processes import run
from tests.helpers.resources import HEAD
from tests.helpers.roles import KINDS, PREFIX
from tests.helpers.servers import database_of_worker
from tests.helpers.two_tables import Compared, TwoTables
from tests.helpers.waiting import LONG, wait_until

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The server's address; it checks logins from here on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: listens(port), process)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(LONG)


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def login(s3_server) -> dict[str, str]:
    """The AWS variables of a user who may read the bucket."""
    root = {"aws_access_key_id": "root", "aws_secret_access_key": "root"}
    iam = boto3.client("iam", endpoint_url=s3_server, region_name="eu-central-1", **root)
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="s3", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    plain = {"Content-Type": "text/plain"}
    urlopen(Request(f"{s3_server}/moto-api/reset-auth", data=b"0", headers=plain)).close()
    return {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_REGION": "eu-central-1",
    }


@pytest.fixture
def bucket(s3_server, login, monkeypatch):
    """An empty bucket, and the variables that lead to it."""
    for name, value in login.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    s3 = boto3.resource(
        "s3",
        endpoint_url=s3_server,
        region_name="eu-central-1",
        aws_access_key_id=login["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=login["AWS_SECRET_ACCESS_KEY"],
    )
    found = s3.Bucket("bucket")
    found.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield found
    found.objects.all().delete()
    found.delete()


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Writes a module of somebody else; tells its name, which is another each time."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(text: str) -> str:
        name = f"theirs_{tmp_path.name.replace('-', '_')}_{len(list(tmp_path.glob('*.py')))}"
        (tmp_path / f"{name}.py").write_text(HEAD + dedent(text))
        return name

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("theirs_"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[Server]:
    """Not below pytest's own directory, as tests/conftest.py says of the embedded one."""
    folder = Path(tempfile.mkdtemp(prefix="fact-events-servers-"))
    folder.chmod(0o755)
    with tcp_server(folder) as found:
        yield found
    shutil.rmtree(folder)


@pytest.fixture
def place(over_tcp, tmp_path) -> Iterator[Place]:
    """Where a test makes its database and role, dropped at its end."""
    found = Place(over_tcp, folder=tmp_path)
    with found.open:
        yield found
    drop = "drop database if exists {} with (force)"
    found.execute(sql.SQL(drop).format(sql.Identifier(found.database)), "postgres")
    for (role,) in found.execute("select rolname from pg_roles where oid >= 16384", "postgres"):
        found.execute(sql.SQL("drop role {}").format(sql.Identifier(str(role))), "postgres")


@pytest.fixture
def days(tmp_path) -> dict[str, str]:
    """The settings of three days of files: events right before and after midnight, names that are
    not ASCII, a late one, and a user's profile."""
    folder = tmp_path / "with space"
    for number in range(3):
        day = f"2026-03-{28 + number}"
        named = {"properties": {"name": "Zoë"}, "region": "île"}
        deliver(folder, day, [
            event(f"first {day}", f"{day}T00:00:01Z", **named),
            event(f"last {day}", f"{day}T23:59:59Z", **named),
            event(f"late {day}", "2026-03-27T23:30:00Z", **named),
            event(f"bad {day}", "never"),
        ])  # fmt: skip
        profile = {"user_id": "u1", "tier": f"t{number}", "updated_at": f"{day}T00:00:00Z"}
        (folder / f"{day}.profiles").write_text(json.dumps(profile | {"region": "île"}))
    return {
        "SOURCE": "files",
        "EVENTS_URL": f"{folder}/%Y-%m-%d.jsonl",
        "PROFILES_URL": f"{folder}/%Y-%m-%d.profiles",
        "FROM": FIRST,
        "TO": LAST,
    }


@pytest.fixture
def delivered(warehouse: Warehouse, tmp_path: Path) -> Callable[[list[str]], None]:
    """Deliver and build the records of some users, who mention the first of them."""

    def deliver_all(users: list[str]) -> None:
        first = users[0]
        records = [record for user in users for record in records_of(user, first)]
        cut_before = json.dumps({"friend": first, "user_id": "somebody"})[: -len('body"}')]
        deliver(tmp_path / "events", DAY, [*records, cut_before])
        profile = {"tier": "free", "region": "EU", "updated_at": AT}
        profiles = [profile | {"user_id": user} for user in users]
        deliver(
            tmp_path / "profiles", DAY, [*profiles, *(p | {"updated_at": "x"} for p in profiles)]
        )
        ingest_files(
            warehouse,
            tmp_path / "events",
            DAY,
            profiles_url=tmp_path / "profiles",
            max_quarantined=1,
        )
        build()

    return deliver_all


@pytest.fixture(scope="module")
def filled_tables(server: Warehouse) -> Iterator[TwoTables]:
    """Two equal tables in two databases."""
    names = [f"{database_of_worker()}_{side}" for side in ("left", "right")]
    for name in names:
        administer(server, "create database {}", name)
    tables = TwoTables(*(replace(server, database=name) for name in names))
    two_tables.fill(tables)
    yield tables
    for name in names:
        administer(server, "drop database {} with (force)", name)


@pytest.fixture
def tables(server: Warehouse, filled_tables: TwoTables) -> Iterator[TwoTables]:
    """The same; the right one is the test's to change."""
    before = filled_tables.right.database
    with copied(server, f"{before}_changed", before) as right:
        yield replace(filled_tables, right=right)


@pytest.fixture
def compared(tables: TwoTables, monkeypatch: pytest.MonkeyPatch, capsys) -> Compared:
    """Runs `make compare` with settings; its exit status, and what it prints as JSON."""

    def run(*, left: str = "public.fact_events", right: str = "public.loaded", **settings: str):
        given = {
            "LEFT": f"{two_tables.dsn(tables.left)}/{left}",
            "RIGHT": f"{two_tables.dsn(tables.right)}/{right}",
            "KEY": "user_id,event_id",
            "JSON": "true",
        }
        for name, value in (given | settings).items():
            monkeypatch.setenv(name, value)
        status = compare.main([], standalone_mode=False)
        is_json = os.environ["JSON"] == "true"
        return status, json.loads(capsys.readouterr().out) if is_json else {}

    return run


@pytest.fixture(scope="module")
def logins(server) -> Iterator[None]:
    """Of each role one, called as it; and all dropped, after the databases in which they own."""
    for kind in KINDS:
        administer(server, "create role {} login", kind)
    administer(server, "create role {} login", "another")
    administer(server, "create role {} login createrole", "no superuser")
    yield
    ours = "select rolname from pg_roles where oid >= 16384 order by oid desc"
    for (name,) in query(server, ours):
        administer(server, "drop role {}", name)


@pytest.fixture
def with_roles(built: Warehouse, monkeypatch) -> Warehouse:
    """The warehouse after `make roles`, and each login in its role."""
    monkeypatch.setenv("ROLE_PREFIX", PREFIX)
    done = run("commands.roles")
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        administer(built, "grant {} to {}", f"{PREFIX}_{kind}", kind)
    administer(built, "grant {} to {}", f"{PREFIX}_transformer", "another")
    return built
