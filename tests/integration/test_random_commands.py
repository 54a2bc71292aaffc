"""Whatever is done in whatever order: nothing that is not ours is gone, or another than before."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import (
    build,
    deliver,
    event,
    ingest_files,
    query,
)
from tests.helpers.processes import dbt, run

DAYS = [datetime.now(UTC).date() - timedelta(days=n) for n in range(5, 0, -1)]
MODELS = (
    "fact_events", "dim_user_versions", "regional_daily_events", "int_event_day_counts",
    "event_days", "dim_users", "quarantined_events",
)  # fmt: skip
THEIRS = """create schema bi;
    create role bi_reader;
    create view bi.facts as select event_id, properties from analytics.fact_events;
    create view bi.of_facts as select * from bi.facts;
    create materialized view bi.regions as select * from analytics.regional_daily_events;
    create view analytics.days as select event_date, events from analytics.event_days;
    create view bi.loads as select load_id, rows from raw.deliveries;
    create table analytics.targets (event_date date, goal int);
    insert into analytics.targets values ('2026-01-01', 5);
    create table raw.others (id int primary key, doc jsonb);
    create table bi.notes (user_id text, version_number int, foreign key (user_id, version_number)
        references analytics.dim_user_versions (user_id, version_number));
    create function bi.events() returns bigint language sql
        begin atomic select count(*) from analytics.fact_events; end;
    create publication theirs for table analytics.regional_daily_events;
    grant select on bi.facts, analytics.targets to bi_reader;
    comment on view bi.facts is 'theirs';
    select 1"""
# Of each catalog, what is of those relations or in that schema.
OBJECTS = """with relations as (
        select oid from pg_class where relnamespace = 'bi'::regnamespace or oid in (
            'analytics.days'::regclass, 'analytics.targets'::regclass, 'raw.others'::regclass)
    ), objects (class, oid) as (
        select 'pg_class'::regclass, oid from relations
        union all select 'pg_rewrite'::regclass, oid from pg_rewrite
        where ev_class in (table relations)
        union all select 'pg_constraint'::regclass, oid from pg_constraint
        where conrelid in (table relations)
        union all select 'pg_trigger'::regclass, oid from pg_trigger
        where tgrelid in (table relations)
        union all select 'pg_proc'::regclass, oid from pg_proc
        where pronamespace = 'bi'::regnamespace
        union all select 'pg_publication_rel'::regclass, oid from pg_publication_rel
    ) """
DEPENDS = f"""{OBJECTS}
    select pg_describe_object(class, oid, 0), oid, refclassid, refobjid, refobjsubid, deptype::text
    from objects inner join pg_depend on classid = class and objid = oid
    order by 1, 2, 3, 4, 5, 6"""
LOOKS = f"""{OBJECTS}
    select oid, relname, relacl::text, relowner, obj_description(oid, 'pg_class'),
        case when relkind in ('v', 'm') then pg_get_viewdef(oid) end
    from pg_class inner join objects using (oid) where class = 'pg_class'::regclass
    order by 1"""


def snapshot(warehouse: Warehouse) -> list[object]:
    """All that is theirs, and what each of it stands on."""
    rows = "select (select jsonb_agg(t) from analytics.targets as t)::text, bi.events() >= 0"
    return [query(warehouse, asked) for asked in (DEPENDS, LOOKS, rows)]


class Hands:
    """Somebody who does one thing or another."""

    def __init__(self, warehouse: Warehouse, folder: Path, chance: random.Random) -> None:
        self.warehouse, self.folder, self.chance = warehouse, folder, chance
        self.settings = {"SOURCE": "files", "EVENTS_URL": f"{folder}/%Y-%m-%d.jsonl"}
        self.done: list[str] = []

    def day(self) -> date:
        return self.chance.choice(DAYS)

    def step(self) -> None:
        """The next thing; AssertionError where it ends neither well nor in one line."""
        name = self.chance.choice([each for each in dir(self) if each.startswith("do_")])
        self.done.append(name)
        done = getattr(self, name)()
        if done is not None:
            assert done.returncode in (0, 1, 2, 3), (self.done, done.stderr)
            assert "Traceback" not in f"{done.stdout}{done.stderr}", self.done

    def do_ingest(self):
        day = self.day()
        events = [
            event(f"{n}", f"{day}T10:00:00Z", user_id=f"u{n % 3}")
            for n in range(self.chance.randrange(6))
        ]
        deliver(self.folder, f"{day}", [*events, "broken"])
        days = {"FROM": f"{day}", "TO": f"{day}", "MAX_QUARANTINED": "1"}
        return run("ingestion", "ingest", **self.settings, **days)

    def do_transform(self):
        days = {"FROM": f"{min(DAYS)}", "TO": f"{self.day()}"} if self.chance.random() < 0.3 else {}
        return run("transform", **days)

    def do_full_refresh(self):
        return dbt("build", "--full-refresh", "--quiet", "--exclude-resource-type", "unit_test")

    def do_full_refresh_of_one(self):
        return dbt("run", "--full-refresh", "--quiet", "--select", self.chance.choice(MODELS))

    def do_another_column(self):
        """As a version before would have had it: the table must be made anew."""
        query(
            self.warehouse,
            f"""alter table intermediate.int_event_day_counts
            add if not exists old_{self.chance.randrange(9)} int; select 1""",
        )
        return dbt("run", "--full-refresh", "--quiet", "--select", "int_event_day_counts")

    def do_another_view(self):
        query(
            self.warehouse,
            "update intermediate.marks set value = 'old' where kind = 'view' returning 1",
        )
        return run("transform")

    def do_retract(self):
        return run("ingestion", "retract", UNIT=f"{self.day()}.jsonl")

    def do_replay(self):
        return run("ingestion", "replay")

    def do_prune(self):
        return run("commands.prune", KEEP_DAYS=f"{self.chance.randrange(3, 9)}")

    def do_forget(self):
        return run("commands.forget", USER_ID=f"u{self.chance.randrange(3)}")

    def do_up(self):
        return run("ingestion", "up")

    def do_report(self):
        return run("reporting")


@pytest.mark.parametrize(
    "steps", [5, pytest.param(50, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
def test_nothing_of_others_is_gone_or_changed(warehouse, tmp_path, steps):
    chance = random.Random(os.environ["TEST_SEED"])  # noqa: S311
    hands = Hands(warehouse, tmp_path / "events", chance)
    for day in DAYS[:2]:
        deliver(hands.folder, f"{day}", [event("a", f"{day}T10:00:00Z")])
    ingest_files(warehouse, hands.folder, f"{DAYS[0]}", f"{DAYS[1]}")
    build()
    query(warehouse, THEIRS)
    try:
        before = snapshot(warehouse)
        assert len(before[0]) > 30
        for _ in range(steps):
            hands.step()
            assert snapshot(warehouse) == before, hands.done
    finally:
        query(warehouse, "drop owned by bi_reader; drop role bi_reader; select 1")
