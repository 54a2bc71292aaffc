"""What each role of `make roles` must do works, what it must not is refused, on a real server."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from psycopg2 import sql
from psycopg2.errors import InsufficientPrivilege

from core.settings import ROOT
from tests.conftest import administer
from tests.helpers.pipeline import deliver, event, query
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
from tests.helpers.tiers import matrix

pytestmark = pytest.mark.usefixtures("logins")
fill = build_beside_theirs


def test_each_does_its_part_and_readers_see_it_at_once(with_roles, tmp_path):
    """A day built anew, a new one, by one login and then another; the reader's session is open."""
    first, second = files(tmp_path, "b"), {"FROM": DAY, "TO": DAY}
    with closing(as_login(with_roles, "reader").connect()) as db, db.cursor() as cursor:

        def read(statement: str = FACTS) -> list[str]:
            cursor.execute(statement)
            return [name for (name,) in cursor.fetchall()]

        assert read() == ["a"]
        succeeds("loader", "ingestion", "ingest", **first)
        succeeds("transformer", "transform")
        assert read() == [f"b {DAY}", f"b {NEXT}"]
        succeeds("orchestrator", "ingestion", "ingest", **files(tmp_path, "c"))
        succeeds("orchestrator", "transform")
        succeeds("another", "transform", **second)
        succeeds("another", "transform.rebuild", **second)
        assert read() == [f"c {DAY}", f"c {NEXT}"]
        days = """select inhrelid::regclass::text from pg_inherits
            where inhparent = 'analytics.fact_events'::regclass order by 1"""
        of_days = [read(FACTS.replace("analytics.fact_events", name)) for name in read(days)]
        assert of_days == [[f"c {DAY}"], [f"c {NEXT}"]]
        assert len(read("select event_date from analytics.event_days")) == 2
    owners = """select distinct pg_get_userbyid(relowner) from pg_class
        where relnamespace::regnamespace::text = %s and relname != 'theirs'"""
    for schema, kind in (("raw", "loader"), ("analytics", "transformer")):
        assert query(with_roles, owners, schema) == [(f"{PREFIX}_{kind}",)]
    assert query(with_roles, owners, "partitions") == [(f"{PREFIX}_transformer",)]
    assert run("commands.roles").stdout == NOTHING


def test_reports_are_for_the_reporter(with_roles):
    assert DAY in succeeds("reporter", "reporting")
    assert "0 wrong" in (said := succeeds("reporter", "commands.doctor")) or "all is well" in said


def test_deliveries_are_read_again_and_taken_back_by_the_loader(with_roles, tmp_path):
    succeeds("loader", "ingestion", "ingest", **files(tmp_path, "b"))
    succeeds("loader", "ingestion", "replay")
    succeeds("loader", "ingestion", "retract", UNIT=f"{NEXT}.jsonl")
    assert query(with_roles, "select event_id from raw.events") == [(f"b {DAY}",)]
    succeeds("transformer", "transform.test_data")


def test_records_are_taken_out_by_the_orchestrator(with_roles):
    user = query(with_roles, "select user_id from analytics.fact_events")[0][0]
    succeeds("orchestrator", "commands.forget", USER_ID=user)
    assert query(with_roles, FACTS) == []
    succeeds("orchestrator", "commands.prune", KEEP_DAYS="1")


COMMANDS = {
    "loads": {
        "reader loads": ("reader", "ingestion", "ingest"),
        "reporter loads": ("reporter", "ingestion", "ingest"),
        "transformer loads": ("transformer", "ingestion", "ingest"),
    },
    "builds": {
        "loader builds": ("loader", "transform"),
        "reader builds": ("reader", "transform"),
        "reporter builds": ("reporter", "transform"),
    },
}


@matrix("command", COMMANDS)
def test_commands_that_are_not_theirs_are_refused(with_roles, tmp_path, command):
    facts = query(with_roles, STATE)
    days = {"FROM": DAY} if "transform" in command else files(tmp_path, "b")
    assert "permission denied for" in is_refused(*command, **days)
    assert query(with_roles, STATE) == facts
    assert query(with_roles, "select count(*) from raw.events") == [(1,)]


STATEMENTS = {
    "loader": (
        "select from analytics.fact_events",
        "select from analytics.event_days",
        "select from partitions.theirs",
        "select from intermediate.built_days",
        "update intermediate.marks set value = ''",
    ),
    "transformer": (
        "insert into raw.events (ingest_date, source, _dlt_load_id) values (now(), '', '')",
        "delete from raw.events",
        "update raw.units set live = false",
        "delete from raw.day_versions",
        "drop table raw.events",
        "select from raw.forgotten_keys",
        "select from raw.forgotten",
        "select from raw.theirs",
        "create table raw.mine (n int)",
    ),
    "reader": (
        "select from raw.events",
        "select from raw.deliveries",
        "select from staging.stg_events",
        "select from intermediate.marks",
        "delete from analytics.fact_events",
        "truncate analytics.fact_events",
        "update analytics.regional_daily_events set region = ''",
        "create table analytics.mine (n int)",
        "select from analytics.theirs",
        "select from partitions.theirs",
    ),
    "reporter": (
        "select from raw.events",
        "select from raw.user_profiles",
        "select from raw.forgotten_keys",
        "delete from raw.loads",
        "delete from analytics.fact_events",
        "delete from intermediate.marks",
        "create table analytics.mine (n int)",
    ),
    "orchestrator": (
        "select from analytics.theirs",
        "create role mine",
        "create schema mine",
    ),
    "owner": ("select from analytics.theirs", "create role mine"),
}


@pytest.mark.parametrize("login", STATEMENTS)
def test_statements_that_are_not_theirs_are_refused(with_roles, login):
    with closing(as_login(with_roles, login).connect()) as db, db.cursor() as cursor:
        for statement in STATEMENTS[login]:
            with pytest.raises(InsufficientPrivilege):
                cursor.execute(statement)


def test_the_owner_may_everything_that_the_others_may(with_roles, tmp_path):
    succeeds("owner", "ingestion", "ingest", **files(tmp_path, "b"))
    succeeds("owner", "transform")
    query(as_login(with_roles, "owner"), "create schema mine; drop schema mine; select 1")
    assert succeeds("owner", "commands.roles") == NOTHING


def test_the_recipe_for_one_region(with_roles, tmp_path):
    """As docs/roles.md has it; days that are built later have it too, and their partitions."""
    page = (ROOT / "docs/roles.md").read_text()
    recipe = re.findall(r"```sql\n(.*?)```", page.partition("## Rows of one region")[2], re.S)[0]
    with closing(with_roles.connect()) as db:
        for kind in ("reader", "reporter"):
            name = sql.Identifier(f"{PREFIX}_{kind}").as_string(db)
            recipe = recipe.replace(f"fact_events_{kind}", name)
    administer(with_roles, "grant {} to {}", f"{PREFIX}_owner", "no superuser")
    query(as_login(with_roles, "no superuser"), f"{recipe}\nselect 1")
    query(with_roles, "grant eu_reader to another; select 1")
    administer(with_roles, "revoke {} from {}", f"{PREFIX}_transformer", "another")
    for day in (DAY, NEXT):
        deliver(tmp_path, day, [
            event(f"{region} {day}", f"{day}T11:00:00Z", region=region) for region in ("eu", "us")
        ])  # fmt: skip
    delivery = {"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl"}
    succeeds("loader", "ingestion", "ingest", **delivery, FROM=DAY, TO=NEXT)
    succeeds("transformer", "transform")
    of_region = as_login(with_roles, "another")
    assert query(of_region, FACTS) == [(f"eu {DAY}",), (f"eu {NEXT}",)]
    regions = "select distinct region from analytics.regional_daily_events order by 1"
    assert query(of_region, regions) == [("eu",)]
    assert query(as_login(with_roles, "reader"), regions) == [("eu",), ("us",)]
    assert len(query(as_login(with_roles, "reader"), FACTS)) == 4
    for hidden in ("analytics.event_lag", "analytics.quarantined_events"):
        with pytest.raises(InsufficientPrivilege):
            query(of_region, f"select from {hidden}")
