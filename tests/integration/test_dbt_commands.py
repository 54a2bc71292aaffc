"""Every command of docs/dbt.md, and whose schemas it writes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import closing

import pytest

from core.errors import UserError
from core.settings import ROOT
from core.warehouse.connection import Warehouse
from core.warehouse.target import developers, schema_of
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import dbt, run

pytestmark = pytest.mark.tables_built

D1, D2, D3 = (f"2026-01-0{day}" for day in (1, 2, 3))
MINE = "dev_anna_analytics"
RELATIONS = """select relnamespace::regnamespace::text, relname, relfilenode, pg_class.xmin::text
    from pg_class where relnamespace::regnamespace::text in
    ('raw', 'staging', 'intermediate', 'analytics', 'partitions') order by 1, 2"""
STATE = ("raw.day_versions", "raw.retracted_profiles", "intermediate.marks")
STATE += ("intermediate.built_days", "intermediate.blocking_tests", "intermediate.tested_days")


def fill(warehouse, folder):
    """Three days, with profiles; built."""
    for day in (D1, D2, D3):
        records = [event(f"{day} {n}", f"{day}T10:00:00Z") for n in range(2)]
        deliver(folder / "events", day, records)
        profile = {"user_id": "u1", "tier": day, "region": "EU", "updated_at": f"{day}T00:00:00Z"}
        deliver(folder / "profiles", day, [profile])
    ingest_files(warehouse, folder / "events", D1, D3, profiles_url=folder / "profiles")
    build()


def count(of: str) -> str:
    return f"select count(*) from {of}"


def production(warehouse: Warehouse) -> list[object]:
    """All that a developer's build must leave as it is."""
    rows = [query(warehouse, f"select xmin::text, * from {table} order by 2") for table in STATE]
    return [query(warehouse, RELATIONS), *rows]


def commands() -> list[tuple[str, dict[str, str], list[str]]]:
    """Those of the table: as they are written, their variables, dbt's arguments."""
    text = (ROOT / "docs" / "dbt.md").read_text()
    found = []
    for line in re.findall(r"^\| `(.*?make dbt .*?)` \|", text, re.M):
        words = [word.partition("=") for word in shlex.split(line) if "=" in word]
        given = {name: value for name, _, value in words}
        found.append((line, given, shlex.split(given.pop("ARGS"))))
    return found


@pytest.mark.full
def test_the_documented_commands(built: Warehouse, tmp_path):
    """Each does what is said of it, in the order of the document."""
    state = f"{tmp_path / 'state'}"
    # After a command, what must be there, by the start of its arguments.
    expected: dict[str, Callable[[str], bool]] = {
        "retry": lambda said: "Nothing to do" in said,
        "show": lambda said: f"| {D3} 0 " in said and f"| {D3} 1 " in said and D1 not in said,
        "list": lambda said: "No nodes selected" in said,
        "build --select regional_daily_events": lambda _: (
            query(built, f"select sum(events) from {MINE}.regional_daily_events")
            == query(built, "select sum(events) from analytics.regional_daily_events")
        ),
        "clone": lambda _: query(built, count(f"{MINE}.fact_events")) == [(6,)],
    }
    seen = set()
    for line, given, arguments in commands():
        before = production(built) if "TARGET" in given else None
        done = run("transform.dbt", *[state if a == "state" else a for a in arguments], **given)
        assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr)
        for start, is_so in expected.items():
            if " ".join(arguments).startswith(start):
                assert is_so(done.stdout), (line, done.stdout[-2000:])
                seen.add(start)
        assert before is None or production(built) == before, line
    assert seen == set(expected)
    kinds = "select relkind::text from pg_class where oid = '{}.fact_events'::regclass"
    assert query(built, kinds.format(MINE)) == [("p",)]  # built, after it was cloned as a view
    assert query(built, f"select bool_and(tests_passed) from {MINE}.event_days") == [(True,)]


def test_compile_and_docs_in_an_empty_database(warehouse: Warehouse):
    query(warehouse, "drop schema raw, intermediate, partitions cascade; select 1")
    schemas = "select count(*) from pg_namespace where nspname !~ '^(pg_|information|public)'"
    for command in (["compile"], ["docs", "generate"]):
        done = dbt(*command, "--quiet")
        assert done.returncode == 0, done.stdout
        assert query(warehouse, schemas) == [(0,)], command


@pytest.fixture
def anna(monkeypatch):
    monkeypatch.setenv("TARGET", "dev")
    monkeypatch.setenv("DEV_NAME", "Anna")


def test_a_developer_tries_a_model(built: Warehouse, anna, tmp_path, monkeypatch):
    """By make transform; production has its own rows, and owes what it owed."""
    project = EditedProject(tmp_path / "checkout", monkeypatch)
    project.edit("models/marts/fact_events.sql", "    event_type,", "    'tried' as event_type,")
    before = production(built)
    assert build().startswith("dbt build: ")
    kinds = "select distinct event_type from {}.fact_events"
    assert query(built, kinds.format(MINE)) == [("tried",)]
    assert query(built, kinds.format("analytics")) == [("click",)]

    # What is delivered since reaches the developer's days, and those that a profile touches.
    deliver(tmp_path / "events", D2, [event("new", f"{D2}T10:00:00Z")])
    profile = {"user_id": "u1", "tier": "new", "region": "EU", "updated_at": f"{D2}T00:00:00Z"}
    deliver(tmp_path / "profiles", D2, [profile])
    with monkeypatch.context() as of_production:
        of_production.delenv("TARGET")
        ingest_files(built, tmp_path / "events", D2, profiles_url=tmp_path / "profiles")
    before = production(built)
    build()
    tiers = "select event_date::text, count(*), min(user_tier) from {}.fact_events group by 1"
    new = [(D1, 2, D1), (D2, 1, "new"), (D3, 2, D3)]
    with closing(built.connect()) as db:
        assert developers(db) == ["dev_anna"]  # make forget names them
    assert sorted(query(built, tiers.format(MINE))) == new
    assert sorted(query(built, tiers.format("analytics"))) == [
        (D1, 2, D1),
        (D2, 2, D2),
        (D3, 2, D3),
    ]
    assert production(built) == before


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        ("commands.forget", {"USER_ID": "u1"}),
        ("transform.rebuild", {}),
        ("ingestion", {}),
    ],
)
def test_a_developer_writes_nothing_of_all(built: Warehouse, anna, command, settings):
    arguments = ["replay"] if command == "ingestion" else []
    before = production(built)
    done = run(command, *arguments, **settings)
    says = (
        "error: TARGET=dev writes schemas of your own alone: by make transform, test-data and dbt\n"
    )
    assert (done.returncode, done.stderr) == (2, says)
    assert production(built) == before


def test_dev_needs_a_name(built: Warehouse, anna, monkeypatch):
    monkeypatch.setenv("DEV_NAME", "Dr. Åse-2")
    assert schema_of("analytics") == "dev_dr_se_2_analytics"
    monkeypatch.delenv("DEV_NAME")
    with pytest.raises(UserError, match=r"^DEV_NAME is not set: "):
        build()


def test_a_database_that_is_marked_production(built: Warehouse, tmp_path, monkeypatch):
    query(
        built,
        """insert into intermediate.marks (kind, name, value) values ('target', 'only', 'prod')
        returning 1""",
    )
    project, before = EditedProject(tmp_path, monkeypatch), production(built)
    says = "PGDATABASE=test is marked for TARGET=prod, and this is TARGET=default: give TARGET=prod"
    for refused in (build, lambda: ingest_files(built, tmp_path, D1)):
        with pytest.raises(UserError, match=f"^{says}"):
            refused()
    outcome = project.dbt("run", "--select", "dim_users")
    assert says in str(outcome.exception)
    assert production(built) == before
    monkeypatch.setenv("TARGET", "prod")
    assert build().startswith("dbt build: ")
