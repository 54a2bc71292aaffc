"""What the tests of `make roles` share: a built warehouse, logins, commands and queries as they."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run

DAY, NEXT = "2026-01-01", "2026-01-02"
# Every name is quoted, also in options of a session.
PREFIX = 'it\'s"one"of\\these'
KINDS = ("owner", "loader", "transformer", "orchestrator", "reporter", "reader")
FACTS = "select event_id from analytics.fact_events order by 1"
NOTHING = "-- nothing to change\n"
# What `make roles` can change. Rights in the order in which they were given are the same rights.
STATE = """
    select 'role', rolname, rolcanlogin::text from pg_roles
    union all
    select 'member', roleid::regrole::text, member::regrole::text from pg_auth_members
    union all
    select 'schema', nspname, nspowner::regrole || ' ' || coalesce(nspacl::text, '')
    from pg_namespace
    union all
    select 'table', oid::regclass::text, relowner::regrole || ' ' || coalesce(relacl::text, '')
    from pg_class where relnamespace::regnamespace::text
        in ('raw', 'staging', 'intermediate', 'analytics', 'partitions', 'public')
    union all
    select 'default', defaclnamespace::regnamespace::text, defaclacl::text from pg_default_acl
    union all
    select 'database', datname, coalesce(datacl::text, '') from pg_database
    where datname = current_database()
    order by 1, 2, 3
"""


def build_beside_theirs(warehouse: Warehouse, folder: Path) -> None:
    """What a superuser has built before there were roles, beside other people's things."""
    deliver(folder, DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, folder, DAY)
    build()
    for name in ("raw.theirs", "analytics.theirs", "partitions.theirs"):
        query(warehouse, f"create table {name} (n int); select 1")


def as_login(warehouse: Warehouse, login: str) -> Warehouse:
    """The warehouse as that login finds it."""
    return replace(warehouse, user=login)


def succeeds(login: str, *command: str, **settings: str) -> str:
    """What a command of a login prints, which ends well."""
    done = run(*command, PGUSER=login, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def is_refused(login: str, *command: str, **settings: str) -> str:
    """The one line in which a command of a login is refused."""
    done = run(*command, PGUSER=login, **settings)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def files(folder: Path, *events: str) -> dict[str, str]:
    """The settings of a delivery of two days."""
    for day in (DAY, NEXT):
        deliver(
            folder / "new", day, [event(f"{name} {day}", f"{day}T11:00:00Z") for name in events]
        )
    url = f"{folder}/new/%Y-%m-%d.jsonl"
    return {"SOURCE": "files", "EVENTS_URL": url, "FROM": DAY, "TO": NEXT}
