"""`make compare` as a process: logins, Ctrl-C, a server that goes away."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from core.settings import ROOT
from tests.helpers.postgres import PASSWORD, Place, Server
from tests.helpers.two_tables import TwoTables, dsn
from tests.helpers.waiting import LONG, wait_until

SLOW = (
    "create view slow as select loaded.* from loaded, "
    "(select pg_sleep(60) from generate_series(1, 1) offset 0) as waits"
)


@pytest.fixture
def waiting(tables: TwoTables) -> Iterator[subprocess.Popen[str]]:
    """A comparison that waits for both servers."""
    tables.run(tables.left, "drop view if exists slow", SLOW.replace("loaded", "fact_events"))
    tables.change(SLOW)
    left, right = (f"{dsn(each)}/public.slow" for each in (tables.left, tables.right))
    command = [sys.executable, "-m", "reporting.compare", "--key", "event_id"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"LEFT": left, "RIGHT": right},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores SIGINT, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: len(at_work(tables)) == 2, process)
    yield process
    process.kill()
    process.communicate()


def at_work(tables: TwoTables) -> list[int]:
    """The backends that read."""
    query = (
        "select pid from pg_stat_activity where query like '%count(*) as rows%' "
        "and state = 'active' and application_name = 'fact-events' and pid <> pg_backend_pid()"
    )
    with closing(tables.left.connect()) as db, db.cursor() as cursor:
        cursor.execute(query)
        return [pid for (pid,) in cursor.fetchall()]


def test_ctrl_c_ends_the_queries_too(waiting: subprocess.Popen[str], tables: TwoTables):
    waiting.send_signal(signal.SIGINT)
    output, errors = waiting.communicate(timeout=LONG)
    assert (waiting.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == "interrupted"
    wait_until(lambda: not at_work(tables))


def test_a_server_that_goes_away_is_one_line(waiting: subprocess.Popen[str], tables: TwoTables):
    """The other side's query is cancelled."""
    query = f"select pg_terminate_backend({at_work(tables)[0]})"
    tables.run(tables.left, query)
    output, errors = waiting.communicate(timeout=LONG)
    assert (waiting.returncode, output) == (2, "")
    assert re.fullmatch(
        r"error: (LEFT|RIGHT): reading public.slow in \S+ failed: .*terminat.*",
        errors.splitlines()[-1],
    )
    wait_until(lambda: not at_work(tables))


def test_a_login_by_password_file_and_service(over_tcp: Server, tmp_path: Path, place: Place):
    """As a command; nothing it prints has the password."""
    place.create()
    table = "create table public.t as select 1 as id, date '2026-03-01' as event_date"
    place.execute(table)
    place.execute("grant select on public.t to loader")
    service, passwords = tmp_path / "services", tmp_path / "passwords"
    service.write_text(f"[old]\nhost=127.0.0.1\nport={over_tcp.port}\ndbname={place.database}\n")
    passwords.write_text(f"127.0.0.1:*:*:loader:{PASSWORD}\n")
    passwords.chmod(0o600)
    url = f"postgresql://loader:{quote(PASSWORD, safe='')}@127.0.0.1:{over_tcp.port}/warehouse"
    done = subprocess.run(
        [sys.executable, "-m", "reporting.compare", "--key", "id"],
        cwd=ROOT,
        env=os.environ
        | {"PGSERVICEFILE": str(service), "PGPASSFILE": str(passwords)}
        | {"LEFT": "service=old user=loader/public.t", "RIGHT": f"{url}/public.t"},
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# equal: 1 rows on each side, 1 day\n")
    assert f"| left | public.t in warehouse on 127.0.0.1:{over_tcp.port} | 1 |" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
