"""`make roles` itself: what it changes, what it leaves alone, who may run it."""

from __future__ import annotations

import re

import pytest

from core.settings import ROOT
from tests.conftest import administer
from tests.helpers.pipeline import held, query
from tests.helpers.processes import run
from tests.helpers.roles import (
    DAY,
    FACTS,
    NEXT,
    NOTHING,
    PREFIX,
    STATE,
    as_login,
    build_beside_theirs,
    files,
    is_refused,
    succeeds,
)

pytestmark = pytest.mark.usefixtures("logins")
fill = build_beside_theirs


def test_a_second_run_changes_nothing(with_roles):
    before = query(with_roles, STATE)
    assert run("commands.roles").stdout == NOTHING
    assert query(with_roles, STATE) == before
    theirs = [row for row in before if row[1].endswith(".theirs")]
    assert [(row[0], row[2]) for row in theirs] == [("table", f"{with_roles.user} ")] * 3


def test_a_dry_run_prints_what_is_missing_and_changes_nothing(built):
    before = query(built, STATE)
    done = run("commands.roles", DRY="1", ROLE_PREFIX=PREFIX)
    assert done.returncode == 0, done.stderr
    assert query(built, STATE) == before
    query(built, f"{done.stdout}\nselect 1")  # as somebody does who was given it
    assert run("commands.roles", ROLE_PREFIX=PREFIX).stdout == NOTHING


def test_who_may_not_create_roles_is_told_in_one_line(built):
    query(built, "grant usage on schema raw, intermediate to reader; select 1")
    query(built, "grant select on all tables in schema raw, intermediate to reader; select 1")
    before = query(built, STATE)
    said = is_refused("reader", "commands.roles", ROLE_PREFIX="other")
    assert said.startswith("error: PGUSER=reader may not create roles: give it CREATEROLE"), said
    assert said.count("\n") == 1
    assert query(built, STATE) == before


def test_nothing_changes_where_somebody_holds_a_table(built):
    before = query(built, STATE)
    with held(built, "analytics.fact_events"):
        said = is_refused(built.user, "commands.roles", ROLE_PREFIX="other")
    assert "make roles failed: canceling statement due to lock timeout" in said
    assert said.count("\n") == 1
    assert query(built, STATE) == before


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("pg_events", "ROLE_PREFIX='pg_events': names that begin with pg_ are Postgres' own"),
        ("two words", "ROLE_PREFIX='two words' is not a name without blanks, at most 50 bytes"),
        ("é" * 26, "is not a name without blanks, at most 50 bytes"),
    ],
)
def test_a_prefix_that_would_not_do_is_refused(warehouse, prefix, said):
    assert said in is_refused(warehouse.user, "commands.roles", ROLE_PREFIX=prefix, DRY="1")


def test_the_owner_of_the_database_needs_no_superuser(server, copy_of, landing_tables, tmp_path):
    """Who has built by themselves so far, and builds on."""
    found = copy_of("template1")
    administer(found, "alter database {} owner to {}", found.database, "no superuser")
    succeeds("no superuser", "ingestion", "ingest", **files(tmp_path, "b"))
    succeeds("no superuser", "transform")
    succeeds("no superuser", "commands.roles", ROLE_PREFIX="own")
    assert succeeds("no superuser", "commands.roles", ROLE_PREFIX="own") == NOTHING
    administer(found, "grant {} to {}", "own_transformer", "another")
    succeeds("no superuser", "ingestion", "ingest", **files(tmp_path, "c"))
    succeeds("no superuser", "transform")
    succeeds("another", "transform", FROM=DAY, TO=DAY)
    assert query(found, FACTS) == [(f"c {DAY}",), (f"c {NEXT}",)]


def test_an_unused_database_gets_its_tables_first(copy_of, tmp_path):
    found = copy_of("template1")
    assert "was never used" in is_refused(found.user, "commands.roles", DRY="1")
    assert query(found, "select from pg_namespace where nspname = 'raw'") == []
    succeeds(found.user, "commands.roles", ROLE_PREFIX=PREFIX)
    administer(found, "grant {} to {}", f"{PREFIX}_orchestrator", "orchestrator")
    administer(found, "grant {} to {}", f"{PREFIX}_reader", "reader")
    succeeds("orchestrator", "ingestion", "ingest", **files(tmp_path, "b"))
    succeeds("orchestrator", "transform")
    assert query(as_login(found, "reader"), FACTS) == [(f"b {DAY}",), (f"b {NEXT}",)]


def test_every_table_of_the_project_is_known(warehouse):
    """A migration that adds one, adds it here, or nobody gets a right to it."""
    text = (ROOT / "commands/roles.sql").read_text()
    named = {
        name
        for part in re.findall(r"array\[(.*?)\]", text, re.S)
        for name in re.findall(r"'(\w+)'", part)
    }
    there = query(
        warehouse,
        """select relname from pg_class
        where relkind in ('r', 'v', 'p')
            and relnamespace::regnamespace::text in ('raw', 'intermediate')""",
    )
    assert {name for (name,) in there} == {name for name in named if not name.startswith("_dlt")}
