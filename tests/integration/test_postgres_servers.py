"""Each command on Postgres as people have it: the same rows, or a refusal in one line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from core.errors import UserError
from orchestration.home.history import History
from tests.helpers.pipeline import deliver, event
from tests.helpers.postgres import FIRST, LAST, PASSWORD, Place, pgbouncer, standby
from tests.helpers.processes import dbt, run
from tests.helpers.tiers import matrix

Commands = dict[str, tuple[str, ...]]
WRITERS: Commands = {
    "up": ("ingestion", "up"),
    "ingest": ("ingestion", "ingest"),
    "transform": ("transform",),
    "replay": ("ingestion", "replay"),
    "retract": ("ingestion", "retract", "--unit", f"{LAST}.jsonl"),
    "prune": ("commands.prune", "--keep-days", "400"),
    "forget": ("commands.forget", "--user-id", "nobody"),
}
FACTS = """select event_id, event_date::text, ingest_date::text, region, user_tier,
    properties->>'name', event_ts at time zone 'UTC' from analytics.fact_events order by 1"""
ACCOUNTS = """select ingest_date::text, received, fact, duplicate, quarantined, is_complete
    from analytics.row_accounting order by 1"""
# Objects and rows of ours: what a command that is refused must leave as it was.
STATE = """select relname, pg_relation_filenode(oid)::bigint from pg_class
    where relnamespace::regnamespace::text in ('raw', 'intermediate', 'analytics', 'staging')
    union all select 'loads', count(*) from raw.loads order by 1, 2"""


def stock(place: Place) -> None:
    place.create()


def password_file(place: Place) -> None:
    place.create()
    passwords = place.folder / "pgpass"
    secret = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passwords.write_text(f"127.0.0.1:*:*:{place.user}:{secret}\n")
    passwords.chmod(0o600)
    del place.settings["PGPASSWORD"]
    place.settings["PGPASSFILE"] = str(passwords)


def service(place: Place) -> None:
    """Everything in a file; what the shell has for another server does not count beside it."""
    place.create()
    keywords = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    lines = [f"{keyword}={place.settings[name]}" for name, keyword in keywords.items()]
    file = place.folder / "services"
    lines += [f"password={PASSWORD}", "options=-c search_path=public"]
    file.write_text("\n".join(["[events]", *lines, ""]))
    place.settings = {"PGSERVICE": "events", "PGSERVICEFILE": str(file), "PGPORT": "1"}


def time_zones(place: Place) -> None:
    """Of the role, of the shell; and the role works in another schema, as another role."""
    place.create()
    for statement in (
        "create role builder",
        "grant builder to loader",
        "grant create on database warehouse to builder",
        "alter role loader set timezone = 'Pacific/Kiritimati'",
        "alter role loader set search_path = analytics",
        "alter database warehouse set datestyle = 'SQL, DMY'",
    ):
        place.execute(statement, "postgres")
    place.open.callback(place.execute, "drop owned by builder, loader cascade")
    place.settings |= {
        "PGTZ": "America/Los_Angeles",
        "PGOPTIONS": "-c role=builder -c search_path=analytics,public",
    }


def latin1(place: Place) -> None:
    place.create("encoding 'LATIN1' template template0 locale 'C'")


def bytes_only(place: Place) -> None:
    place.create("encoding 'SQL_ASCII' template template0 locale 'C'")


def verified_tls(place: Place) -> None:
    """Of PgBouncer: another name or another root would be refused."""
    place.create()
    port = place.open.enter_context(pgbouncer(place.server, place.user, "session", "require"))
    root = place.folder / "root.crt"
    shutil.copyfile(place.server.folder / "bouncer-session" / "ca.crt", root)
    verified = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(root)}
    place.settings |= {"PGHOST": "127.0.0.1", "PGPORT": port, **verified}
    assert "does not match host name" in run("reporting", **place.settings).stderr
    place.settings["PGHOST"] = "localhost"


def one_host_is_down(place: Place) -> None:
    place.create()
    place.settings |= {"PGHOST": "127.0.0.2,127.0.0.1", "PGTARGETSESSIONATTRS": "read-write"}


def session_pooling(place: Place) -> None:
    place.create()
    place.settings["PGPORT"] = place.open.enter_context(
        pgbouncer(place.server, place.user, "session")
    )


def short_sessions(place: Place) -> None:
    place.create()
    place.execute("alter role loader set idle_session_timeout = '300ms'", "postgres")


def quoted_role(place: Place) -> None:
    place.user = """lo"a'd er"""
    place.create()


def odd_database(place: Place) -> None:
    place.database = "wäre %/hause -c"
    place.create()


WORKS: dict[str, dict[str, Callable[[Place], None]]] = {
    "login": {
        "stock": stock,
        "password file": password_file,
        "service": service,
        "quoted role": quoted_role,
        "odd database": odd_database,
    },
    "session": {
        "time zones": time_zones,
        "short sessions": short_sessions,
        "LATIN1": latin1,
        "SQL_ASCII": bytes_only,
    },
    "network": {
        "verify-full": verified_tls,
        "one host is down": one_host_is_down,
        "session pooling": session_pooling,
    },
}


@pytest.mark.timeout(900)
@matrix("make", WORKS)
def test_every_command_works(place, days, make, request):
    """The commands that build twice, which are a minute more, in the full tier only."""
    make(place)
    settings = place.settings | days
    for name in ("up", "ingest", "transform"):
        done = run(*WRITERS[name], **settings)
        assert done.returncode == 0, done.stderr
    expected = [
        (f"{when} 2026-03-{day}", f"2026-03-{happened}", f"2026-03-{day}", "île", tier, "Zoë")
        for when in ("first", "last", "late")
        for day, tier in ((28, "t0"), (29, "t1"), (30, "t2"))
        for happened, tier in [(27, "t0") if when == "late" else (day, tier)]
    ]
    assert [row[:6] for row in place.execute(FACTS)] == expected
    accounts = [(f"2026-03-{day}", 4, 3, 0, 1, True) for day in (28, 29, 30)]
    assert place.execute(ACCOUNTS) == accounts
    facts = place.execute(FACTS)
    if request.config.getoption("--tier") == "full":
        for name in ("replay", "prune"):
            done = run(*WRITERS[name], **settings)
            assert done.returncode == 0, done.stderr
    assert run("reporting", **settings).returncode == 0
    if "PGSERVICE" not in settings:
        done = dbt_alone(settings, "build", "--full-refresh")
        assert done.returncode == 0, done.stdout
    assert place.execute(FACTS) == facts
    assert place.execute(ACCOUNTS) == accounts
    assert run(*WRITERS["retract"], **settings).returncode == 0
    assert run("transform", **settings).returncode == 0
    assert place.execute(FACTS) == [row for row in facts if row[2] != LAST]
    if request.config.getoption("--tier") == "full":
        assert run("commands.forget", **settings, USER_ID="u1").returncode == 0
        assert place.execute(FACTS) == []


def dbt_alone(settings: dict[str, str], *arguments: str):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        return dbt(*arguments, "--exclude-resource-type", "unit_test")


def transaction_pooling(place: Place) -> str:
    place.settings["PGPORT"] = place.open.enter_context(
        pgbouncer(place.server, place.user, "transaction")
    )
    return "is a pooler in transaction mode (PgBouncer's pool_mode)"


def read_only(place: Place) -> str:
    place.execute("alter role loader set default_transaction_read_only = on", "postgres")
    return "is read-only for PGUSER=loader: default_transaction_read_only is on"


def copy_of_it(place: Place) -> str:
    place.settings["PGPORT"] = place.open.enter_context(standby(place.server))
    return "PGDATABASE=warehouse is a standby: nothing can be written there"


def list_of_ports(place: Place) -> str:
    place.settings |= {"PGHOST": "127.0.0.1,127.0.0.1", "PGPORT": f"{place.server.port},1"}
    return f"PGPORT='{place.server.port},1' is a list: dbt takes one port, common to all hosts"


REFUSED = {
    "pooler": {"transaction": transaction_pooling},
    "server": {"read-only": read_only, "standby": copy_of_it},
    "variables": {"list of ports": list_of_ports},
}


@matrix("make", REFUSED)
def test_every_command_that_writes_is_refused(place, days, make):
    place.create()
    for name in ("ingest", "transform"):
        assert run(*WRITERS[name], **place.settings, **days).returncode == 0
    before = place.execute(STATE)
    says = make(place)
    for command in WRITERS.values():
        done = run(*command, **place.settings, **days)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert says in done.stderr
    assert place.execute(STATE) == before
    readers_are = 2 if make is list_of_ports else 0
    assert run("reporting", **place.settings).returncode == readers_are


def test_text_that_a_database_cannot_hold_is_refused(place, tmp_path):
    """And what it can hold comes after as if nothing had been."""
    latin1(place)
    for text, status in (("5 €", 2), ("5 £", 0)):
        deliver(tmp_path, FIRST, [event("a", f"{FIRST}T10:00:00Z", properties={"name": text})])
        files = {"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl", "FROM": FIRST}
        done = run("ingestion", "ingest", **place.settings, **files)
        assert done.returncode == status, done.stderr
        if status:
            assert done.stderr.splitlines()[-1].startswith("error: the load into Postgres failed")
            assert 'has no equivalent in encoding "LATIN1"' in done.stderr.splitlines()[-1]
            assert place.execute("select count(*) from raw.units") == [(0,)]
    assert place.execute("select payload->>'name' from raw.events") == [("5 £",)]


def test_the_history_of_dagster_is_not_kept_through_a_pooler_of_transactions(place):
    place.create()
    says = transaction_pooling(place)
    url = f"postgresql+psycopg2://loader:x@127.0.0.1:{place.settings['PGPORT']}/warehouse"
    with pytest.raises(UserError, match=re.escape(says)):
        History.from_config_value(None, {"postgres_url": url})
